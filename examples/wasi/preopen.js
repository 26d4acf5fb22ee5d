// Shows the program the directories of POP3_DIRECTORIES, HOST::GUEST with a comma between two, and no
// others: jco run --jco-import preopen.js ...

import { _setPreopens } from "@bytecodealliance/preview2-shim/filesystem";

const asked = (process.env.POP3_DIRECTORIES ?? "").split(",").filter(Boolean);
const pairs = asked.map((pair) => pair.split("::"));
_setPreopens(Object.fromEntries(pairs.map(([host, guest]) => [guest ?? host, host])));
