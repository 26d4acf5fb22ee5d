"""The hosts that pop3-server.wasm is run under, and the server under one of them."""

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
JCO = [str(HERE / "node_modules/.bin/jco"), "run", "--jco-import", str(HERE / "preopen.js")]
WASMTIME = ["wasmtime", "run", "-S", "inherit-network"]

Command = tuple[list[str], dict[str, str]]


def jco(component: str, directory: Path) -> Command:
    return [*JCO, component], {**os.environ, "POP3_DIRECTORIES": f"{directory}::/srv"}


def wasmtime(component: str, directory: Path) -> Command:
    return [*WASMTIME, "--dir", f"{directory}::/srv", component], {**os.environ}


class Server:
    """The server under one host, with a directory of its own."""

    def __init__(
        self, host, component: str, arguments=("127.0.0.1:0", "/srv/users", "/srv/mail")
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.directory = Path(self.folder.name)
        (self.directory / "users").write_text("alice:secret\nbob:sécret\nnobody:x\n")
        for user in ("alice", "bob"):
            for part in ("new", "cur", "tmp"):
                (self.directory / "mail" / user / part).mkdir(parents=True)
        command, environment = host(component, self.directory)
        self.process = subprocess.Popen(
            [*command, *arguments],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # jco runs the component in a process of its own, which has to end with it.
            start_new_session=True,
        )

    def listening(self) -> int:
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on 127\.0\.0\.1:(\d+)\n", line)
        if not found:
            raise AssertionError(f"expected an address, found {line!r}: {self.stop()}")
        return int(found[1])

    def stop(self) -> str:
        """What it said of errors."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        _, errors = self.process.communicate()
        self.folder.cleanup()
        return errors
