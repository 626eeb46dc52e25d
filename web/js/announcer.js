// What has come about, for those who listen: told when things have settled, not at every move.

import { setText } from "./raster.js";

const SETTLED_MS = 1000;

export class Announcer {
  /** `region` is a polite live region. */
  constructor(region) {
    this.region = region;
  }

  /** Tell a sentence, unless something changes soon. The same again is not read out again. */
  say(sentence) {
    this.hush();
    this.timer = setTimeout(() => setText(this.region, sentence), SETTLED_MS);
  }

  /** Something changes: what was to be told is old. */
  hush() {
    clearTimeout(this.timer);
  }
}
