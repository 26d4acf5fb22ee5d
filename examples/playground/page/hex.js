// Octets in hexadecimal, each of which can be edited.

const ROW = 8;

export class Hex {
  #root;
  #original = new Uint8Array();
  #octets = new Uint8Array();

  constructor(root) {
    this.#root = root;
  }

  /** The octets, as they were edited. */
  get octets() {
    return this.#octets;
  }

  get edits() {
    return this.#octets.filter((octet, index) => octet !== this.#original[index]).length;
  }

  show(octets) {
    this.#original = octets;
    this.restore();
  }

  restore() {
    this.#octets = this.#original.slice();
    this.#root.replaceChildren();
    for (let start = 0; start < this.#octets.length; start += ROW) this.#root.append(this.#row(start));
  }

  #row(start) {
    const row = document.createElement("div");
    const end = Math.min(start + ROW, this.#octets.length);
    const text = span("ascii", "");
    const showText = () => {
      text.textContent = ascii(this.#octets.subarray(start, end));
    };
    row.append(span("offset", start.toString(16).padStart(4, "0")));
    for (let index = start; index < end; index += 1) row.append(this.#field(index, showText));
    showText();
    row.append(text);
    return row;
  }

  #field(index, changed) {
    const field = document.createElement("input");
    field.value = hex(this.#octets[index]);
    field.maxLength = 2;
    field.spellcheck = false;
    field.setAttribute("aria-label", `Octet ${index}`);
    field.addEventListener("focus", () => field.select());
    field.addEventListener("input", () => {
      if (!/^[0-9a-f]{2}$/i.test(field.value)) return;
      this.#octets[index] = Number.parseInt(field.value, 16);
      field.classList.toggle("edited", this.#octets[index] !== this.#original[index]);
      changed();
    });
    field.addEventListener("blur", () => {
      field.value = hex(this.#octets[index]);
    });
    field.addEventListener("keydown", (event) => this.#move(event, index));
    return field;
  }

  #move(event, index) {
    const step = { ArrowUp: -ROW, ArrowDown: ROW }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#root.querySelectorAll("input")[index + step]?.focus();
  }
}

function hex(octet) {
  return octet.toString(16).padStart(2, "0");
}

function ascii(octets) {
  return Array.from(octets, (one) => (one > 31 && one < 127 ? String.fromCharCode(one) : "·")).join("");
}

function span(name, text) {
  const element = document.createElement("span");
  element.className = name;
  element.textContent = text;
  return element;
}
