// The clock of the player: a position in pixels that moves at the screen's rate.

const SECONDS_AT_1X = 8; // for a whole image

export class Player {
  /** `tick()` is called whenever the position changes, or it starts or stops. */
  constructor(tick) {
    this.tick = tick;
    this.total = 0;
    this.position = 0; // a fraction while it plays; `index` is what is shown
    this.speed = 1;
    this.playing = false;
  }

  get index() {
    return Math.floor(this.position);
  }

  load(total, position) {
    this.total = total;
    this.position = position;
    this.start = position;
    this.tick();
  }

  play() {
    if (this.playing || !this.total) return;
    if (this.index >= this.total) this.position = this.start;
    this.playing = true;
    let last = null;
    const frame = (now) => {
      const elapsed = last === null ? 0 : (now - last) / 1000;
      last = now;
      this.position += (elapsed * this.speed * this.total) / SECONDS_AT_1X;
      if (this.position >= this.total) this.#stopAt(this.total);
      else {
        this.tick();
        this.frame = requestAnimationFrame(frame);
      }
    };
    this.frame = requestAnimationFrame(frame);
    this.tick();
  }

  pause() {
    this.#stopAt(this.position);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(position) {
    this.position = Math.max(0, Math.min(this.total, position));
    this.tick();
  }

  step(by) {
    this.#stopAt(Math.max(0, Math.min(this.total, this.index + by)));
  }

  #stopAt(position) {
    cancelAnimationFrame(this.frame);
    this.playing = false;
    this.position = position;
    this.tick();
  }
}
