// The dialogue: what was typed, what was answered, and a line to type in.

const element = (id) => document.getElementById(id);

const TRY = [
  "USER demo", "PASS demo", "STAT", "LIST", "UIDL", "RETR 2", "RETR 4", "TOP 1 2", "DELE 1", "RSET",
  "NOOP", "CAPA", "QUIT",
];

export class Terminal {
  #log = element("log");
  #input = element("command");
  #history = [];
  #place = 0;
  /** The answer's line that has begun and is not ended. */
  #line = null;
  #decoder = new TextDecoder();

  /** `send` is given lines without their ends. */
  constructor(send) {
    const submit = (lines) => {
      this.#history.push(...lines);
      this.#place = this.#history.length;
      send(lines);
    };
    element("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const line = this.#input.value;
      this.#input.value = "";
      submit([line]);
    });
    this.#input.addEventListener("keydown", (event) => this.#recall(event));
    this.#input.addEventListener("paste", (event) => {
      const lines = event.clipboardData.getData("text").split(/\r?\n/);
      if (lines.length < 2) return;
      event.preventDefault();
      submit(lines.filter((line) => line !== ""));
    });
    for (const line of TRY) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = line;
      button.addEventListener("click", () => submit([line]));
      element("chips").append(button);
    }
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  client(line) {
    this.#add("client", "C:", line);
  }

  /** Octets of an answer. They may end within a line. */
  server(octets) {
    const parts = this.#decoder.decode(octets, { stream: true }).split("\n");
    parts.forEach((part, index) => {
      const isLast = index === parts.length - 1;
      if (isLast && part === "") return;
      this.#line ??= this.#add("server", "S:", "");
      this.#line.textContent += part.replace(/\r$/, "");
      this.#line.classList.toggle("err", this.#line.textContent.startsWith("-ERR"));
      if (!isLast) this.#line = null;
    });
    this.#scroll();
  }

  /** What no wire has seen. */
  aside(text, isBad = false) {
    this.#add(isBad ? "aside bad" : "aside", "", text);
  }

  #add(kind, who, text) {
    this.#line = null;
    const line = document.createElement("p");
    line.className = kind;
    line.dataset.who = who;
    line.textContent = text;
    this.#log.append(line);
    this.#scroll();
    return line;
  }

  #scroll() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #recall(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#place = Math.min(Math.max(this.#place + step, 0), this.#history.length);
    this.#input.value = this.#history[this.#place] ?? "";
  }
}
