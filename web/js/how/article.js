// The words of How it works, and the places of its figures.

const MASK = 5;

/** Mask of a 5x5 kernel: before the centre 1, at it `centre`, after it 0. */
function mask(name, centre) {
  const middle = (MASK * MASK - 1) / 2;
  const cells = Array.from({ length: MASK * MASK }, (_, k) => {
    const kept = k < middle || (k === middle && centre);
    return `<span class="${kept ? "kept" : "cut"}${k === middle ? " centre" : ""}">${kept ? 1 : 0}</span>`;
  });
  const words =
    name === "A"
      ? "Mask A keeps the weights above and to the left of the centre"
      : "Mask B keeps the centre too";
  return `<figure><div class="mask" role="img" aria-label="${words}">${cells.join("")}</div>
    <figcaption>mask ${name}</figcaption></figure>`;
}

/** As HTML. A figure goes where its name stands in `data-figure`. */
export const ARTICLE = `
<div class="how-lede">
  <p>
    A PixelCNN draws an image as one writes a line of text: from the top left to the bottom right, one pixel at a
    time. Before each pixel it looks at the pixels above and to the left, and says how probable ink is there; then a
    die is thrown. The product of these probabilities is the exact probability of the whole image, which few models
    of images can tell. And it can finish what you begin: it only goes on from the pixels it is given.
  </p>
  <div class="how-about">
    <div class="how-thumb" data-figure="thumb"></div>
    <p class="quiet-text" data-figure="about"></p>
  </div>
  <p class="how-notice" role="status"></p>
</div>

<section aria-labelledby="how-pixel">
  <div class="how-words">
    <h2 id="how-pixel">One pixel, and the next</h2>
    <p>Each pixel takes four steps. Pixels of which the model is sure go by quickly when it plays.</p>
    <p class="legend">
      <span><span class="swatch cool"></span> ink that was given</span>
      <span><span class="swatch warm"></span> ink that the model made</span>
    </p>
    <p class="quiet-text">Arrow keys step, space plays; down goes to the next pixel in doubt. Tap a pixel to go there.</p>
  </div>
  <div class="how-figure stepper" data-figure="stepper" role="group" aria-label="One pixel at a time"></div>
</section>

<section aria-labelledby="how-row">
  <div class="how-words">
    <h2 id="how-row">A row guessed at once, and corrected</h2>
    <p>
      Usually such a model runs 784 times for one digit. Here all dice are thrown first. A row is guessed: like the one
      above. Eight of its pixels are computed at once as if the guess were right, and each is set by its own die. Up to
      the first one that changed, nothing can change any more; from there it goes on, until the row is done.
    </p>
    <p>
      What comes out is the digit that pixel by pixel would have come out of the same dice, exactly. A pass is over one
      row; one that computes eight of its 28 columns counts as eight 28ths.
    </p>
    <p class="quiet-text">Faint is not sure yet, outlined was changed, underlined was computed.</p>
  </div>
  <div class="how-figure rows" data-figure="rows" role="group" aria-label="A row and its passes"></div>
</section>

<section aria-labelledby="how-sight">
  <div class="how-words">
    <h2 id="how-sight">What a pixel may look at</h2>
    <p>
      One network gives all answers at once. What keeps it honest are masks on its convolutions: the first layer (A)
      must not see the pixel that it predicts; later layers (B) may, as by then the pixel stands for what is known
      before it.
    </p>
    <div class="masks">${mask("A", 0)}${mask("B", 1)}</div>
    <p>
      A stack of such layers reads one row up at a time, and there only a little to the right. What is further to the
      right than that stays hidden, however many layers there are: the blind spot. Two stacks have none. The vertical
      one reads whole rows above; the horizontal one reads the pixels to the left, and what the vertical one knows.
    </p>
    <p class="quiet-text">Point at a pixel, tap it, or move it by the arrow keys. Shaded is seen; chequered is earlier, but never seen.</p>
  </div>
  <div class="how-figure sight" data-figure="sight"></div>
</section>

<section class="wide" aria-labelledby="how-networks">
  <div class="how-words">
    <h2 id="how-networks">The two networks</h2>
    <p>
      Operations are named as in the code. Above is the whole network, below one of its blocks, opened: what enters it
      is added to what leaves it.
    </p>
  </div>
  <div class="how-figure networks" data-figure="blocks"></div>
</section>

<section aria-labelledby="how-bits">
  <div class="how-words">
    <h2 id="how-bits">Nats are bits</h2>
    <p>
      The cost of a pixel is minus the logarithm of the probability that it had: nothing if it was sure, much if it was a
      surprise. The sum over all pixels is in nats.
    </p>
  </div>
  <div class="how-figure bits" data-figure="bits"></div>
</section>

<section aria-labelledby="how-mixture">
  <div class="how-words">
    <h2 id="how-mixture">Ten models in one</h2>
    <p>
      The network is told which digit y it draws. Not told, the model is the mean of the ten: p(x) is the sum of
      p(x | y) p(y), where p(y) is a tenth. Here x are the rows above the divider. It also says which digit they are.
    </p>
  </div>
  <div class="how-figure" data-figure="mixture"></div>
</section>

<section class="wide" aria-labelledby="how-training">
  <div class="how-words">
    <h2 id="how-training">How the weights came about</h2>
  </div>
  <div class="how-figure training" data-figure="training"></div>
</section>
`;
