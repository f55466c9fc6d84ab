/** The start form: who calls, and how the agent greets, sounds and behaves. */

import { api } from "./api.js";

const VOICES = ["Ashley", "Craig", "Edward", "Olivia", "Wendy", "Priya"];

const EXAMPLES = {
  "Garden shop": {
    voiceId: "Olivia",
    openingLine: "Good morning, this is the garden shop. What would you like to know?",
    systemPrompt:
      "You work in a small garden shop. You know plants, soil and seasons. Answer in one or two short sentences, and ask back when you are not sure what is meant.",
  },
  "Front desk": {
    voiceId: "Craig",
    openingLine: "Welcome to the Harbour Hotel. How can I help you?",
    systemPrompt:
      "You are the front desk of the Harbour Hotel. Breakfast is from seven to ten, check-out is at eleven, and there are rooms left for tonight. Be brief and friendly.",
  },
  Quiz: {
    voiceId: "Priya",
    openingLine: "Hi! Shall I ask you about countries and their capitals?",
    systemPrompt:
      "You run a quiz about capitals. Ask one question at a time, wait for the answer, say whether it is right, and go on.",
  },
};

const LISTEN =
  '<svg class="play" viewBox="0 0 16 16" aria-hidden="true"><path d="M4 2.5v11l9-5.5z"/></svg>' +
  '<svg class="stop" viewBox="0 0 16 16" aria-hidden="true"><path d="M4 3h3v10H4zM9 3h3v10H9z"/></svg>';

const at = (id) => document.getElementById(id);

/** Calls `onStart(wanted)` for each submission; whatever it throws with a `status` is shown as the API said it. */
export function startForm(config, onStart) {
  const form = at("form");
  const sample = config.voiceSamples ? new Sample() : null;
  at("voices").replaceChildren(...VOICES.map((name) => voice(name, sample)));
  at("examples").replaceChildren(...Object.entries(EXAMPLES).map(([name, example]) => exampleButton(form, name, example)));
  fill(form, { voiceId: VOICES[0], openingLine: "Hello! How can I help you today?", systemPrompt: "You are a helpful and friendly voice assistant." });

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    sample?.stop();
    showError(form, "");
    showStarting(true);
    try {
      await onStart(Object.fromEntries(new FormData(form)));
    } catch (error) {
      showError(form, error.message);
    } finally {
      showStarting(false);
    }
  });
}

let asked = null; // what was asked for, and under which key, until there is an answer

/** A new session's join token. After an answer that was lost on its way, the same is asked for again: no second session. */
export async function askForSession(wanted) {
  const body = JSON.stringify(wanted);
  if (asked?.body !== body) asked = { body, key: crypto.randomUUID() };
  try {
    const joinToken = await api.start(wanted, asked.key);
    asked = null;
    return joinToken;
  } catch (error) {
    if (error.status) asked = null;
    throw error;
  }
}

function showStarting(yes) {
  at("submit").disabled = yes;
  at("submit").textContent = yes ? "Starting" : "Start talking";
}

function fill(form, values) {
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
}

/** The API names the field that is wrong: `userName: is required`. */
function showError(form, text) {
  at("form-error").textContent = text;
  for (const name of ["userName", "openingLine", "systemPrompt"]) {
    form.elements[name].setAttribute("aria-invalid", String(text.includes(`${name}:`)));
  }
  form.querySelector('[aria-invalid="true"]')?.focus();
}

function exampleButton(form, name, example) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = name;
  button.addEventListener("click", () => fill(form, example));
  return button;
}

function voice(name, sample) {
  const box = document.createElement("div");
  box.className = "voice";
  const label = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "voiceId", value: name });
  label.append(radio, name);
  box.append(label);
  if (sample) box.append(sample.button(name));
  return box;
}

/** One sample sounds at a time. */
class Sample {
  #audio = new Audio();
  #playing = null;

  constructor() {
    this.#audio.addEventListener("ended", () => this.stop());
  }

  button(name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "listen";
    button.setAttribute("aria-label", `Listen to ${name}`);
    button.innerHTML = LISTEN;
    button.addEventListener("click", () => {
      const again = this.#playing === button;
      this.stop();
      if (!again) this.#play(button, name);
    });
    return button;
  }

  #play(button, name) {
    this.#playing = button;
    button.classList.add("playing");
    this.#audio.src = `playground/voices/${name}.mp3`;
    this.#audio.play().catch(() => this.#playing === button && this.stop());
  }

  stop() {
    this.#audio.pause();
    this.#playing?.classList.remove("playing");
    this.#playing = null;
  }
}
