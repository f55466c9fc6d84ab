/** The last seconds of a call as one ribbon: the agent's voice above the line, the caller's below, time to the left. */

const STEP = 5; // pixels a sample
const BAR = 3;
const SAMPLE_MS = 50;
const LABEL = 52; // pixels at the left that belong to the names of the voices
const CALM_MS = 500; // between pictures, for who wants less motion

export class Ribbon {
  #canvas;
  #read;
  #samples = Array.from({ length: 600 }, () => ({ agent: 0, caller: 0, mark: null }));
  #mark = null;
  #taken = 0;
  #drawn = 0;
  #frame = 0;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** `read()` gives the present levels `{agent, caller}`, each from 0 to 1. */
  constructor(canvas, read) {
    this.#canvas = canvas;
    this.#read = read;
  }

  start() {
    const next = (now) => {
      this.#sample(now);
      if (now - this.#drawn >= (this.#calm.matches ? CALM_MS : 0)) this.#draw(now);
      this.#frame = requestAnimationFrame(next);
    };
    this.#frame = requestAnimationFrame(next);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
  }

  /** Put a line with a word beside it where the ribbon is now. */
  mark(text) {
    this.#mark = text;
  }

  #sample(now) {
    if (now - this.#taken < SAMPLE_MS) return;
    this.#taken = now - this.#taken > 1000 ? now : this.#taken + SAMPLE_MS;
    const before = this.#samples[0];
    const level = this.#read();
    const ease = (from, to) => (to > from ? to : Math.max(to, from - 0.14));
    this.#samples.unshift({
      agent: ease(before.agent, level.agent),
      caller: ease(before.caller, level.caller),
      mark: this.#mark,
    });
    this.#mark = null;
    this.#samples.pop();
  }

  #draw(now) {
    this.#drawn = now;
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const paint = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    paint.setTransform(scale, 0, 0, scale, 0, 0);
    paint.clearRect(0, 0, width, height);
    const middle = height / 2;
    const reach = middle - 8;
    const shift = this.#calm.matches ? 0 : ((now - this.#taken) / SAMPLE_MS) * STEP;
    this.#samples.forEach((sample, index) => {
      const x = width - STEP - index * STEP - shift;
      if (x < -STEP) return;
      paint.globalAlpha = Math.min(1, 0.15 + (x / width) * 1.3);
      bar(paint, colour("agent"), x, middle - 2, -Math.max(2, sample.agent * reach));
      bar(paint, colour("caller"), x, middle + 2, Math.max(2, sample.caller * reach));
      if (sample.mark) note(paint, colour("ink"), x, height, sample.mark);
    });
  }
}

function bar(paint, colour, x, from, length) {
  paint.fillStyle = colour;
  paint.beginPath();
  paint.roundRect(x, Math.min(from, from + length), BAR, Math.abs(length), BAR / 2);
  paint.fill();
}

function note(paint, colour, x, height, text) {
  paint.fillStyle = colour;
  paint.fillRect(x + 1, 0, 1, height);
  paint.font = "500 12px system-ui, sans-serif";
  paint.textAlign = "right";
  if (x - 5 - paint.measureText(text).width > LABEL) paint.fillText(text, x - 5, 11);
}
