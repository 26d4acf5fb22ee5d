// The panels: phase, mailbox, calls, builds. Each shows what it is told and decides nothing.

const element = (id) => document.getElementById(id);

/** Most calls that are kept on the page. */
const MOST_CALLS = 300;

export function showPhase({ phase, isOver, build, parked, next }) {
  for (const item of element("phases").children) {
    if (item.dataset.phase === phase) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  const where = element("where");
  where.replaceChildren();
  if (isOver) where.append("The session is over.");
  else if (parked) where.append("Parked: it is in no instance.");
  else if (build) where.append("Runs in ", bold(build.name), next === "more" ? ", in the middle of an answer." : ".");
}

/** The mailbox, as far as the imports tell. */
export class Mailbox {
  #rows;

  constructor(letters, subjects) {
    this.#rows = letters.map((octets, index) => {
      const row = element("mail").insertRow();
      const cells = [index + 1, subjects[index], octets.length.toLocaleString("en"), ""];
      for (const cell of cells) row.insertCell().append(String(cell));
      return { row, octets };
    });
    this.reset(letters);
  }

  /** Which letters are stored. */
  reset(letters) {
    this.#rows.forEach(({ row, octets }) => {
      const isThere = letters.includes(octets);
      row.className = isThere ? "" : "gone";
      row.lastChild.textContent = isThere ? "stored" : "removed by commit";
    });
  }

  /** Numbers are those of the session, which has fewer letters when some were removed before. */
  opened(number, letters) {
    this.#at(letters[number - 1])?.row.lastChild.replaceChildren("open: nothing read");
  }

  read(count, number, letters) {
    const { row, octets } = this.#at(letters[number - 1]) ?? {};
    if (!row) return;
    const meter = document.createElement("meter");
    meter.max = octets.length;
    meter.value = count;
    meter.setAttribute("aria-label", "Octets read");
    row.lastChild.replaceChildren(meter, ` ${count === octets.length ? "read" : count.toLocaleString("en")}`);
  }

  #at(octets) {
    return this.#rows.find((row) => row.octets === octets);
  }
}

/** The calls, in both directions. */
export class Calls {
  #list = element("calls");

  clear() {
    this.#list.replaceChildren();
  }

  /** The host calls the component. */
  exported(name) {
    this.#add(item("export", `session.${name}`));
  }

  /** The component calls the host. */
  imported({ name, given, result, isRefused }) {
    const line = item("", "");
    line.append(part("name", name), `(${given}) `);
    if (result) line.append(part(isRefused ? "result refused" : "result", `→ ${result}`));
    this.#add(line);
  }

  #add(line) {
    this.#list.append(line);
    while (this.#list.children.length > MOST_CALLS) this.#list.firstChild.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** A button for each build. `choose` is called with the one that is pressed. */
export function showBuilds(builds, { build, parked }, target, choose) {
  const buttons = builds.map((one) => {
    const isHere = one === (parked ? target : build);
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", String(isHere));
    const role = parked ? "resumes" : "the session is here";
    button.append(part("", one.name), small(one.about), small(isHere ? role : parked ? "choose" : "swap in"));
    button.addEventListener("click", () => choose(one));
    return button;
  });
  element("builds").replaceChildren(...buttons);
}

function item(kind, text) {
  const line = document.createElement("li");
  line.className = kind;
  line.textContent = text;
  return line;
}

function part(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}

function bold(text) {
  const element = document.createElement("b");
  element.textContent = text;
  return element;
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}
