"""How long things take, and how much code they need: python measure.py"""

import poplib
import statistics
import time
from pathlib import Path

import popcell
from popcell import octets

MIB = 1024 * 1024
LINE = b"a line of seventy octets, as mail has it: this one is one of very many.\n"
MESSAGE = b"Subject: one MiB\n\n" + LINE * (MIB // (len(LINE) + 1))


def median(action, times: int) -> float:
    """Seconds that the median run of `action` takes."""
    runs = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        runs.append(time.perf_counter() - start)
    return statistics.median(runs)


def measure(component: popcell.Component) -> tuple[float, float]:
    with popcell.serve({"alice": ("secret", [MESSAGE])}, component) as server:
        client = poplib.POP3(server.host, server.port)
        client.user("alice")
        client.pass_("secret")
        noop, retr = median(client.noop, 500), median(lambda: client.retr(1), 5)
        client.quit()
    return noop, retr


def main() -> None:
    component = popcell.Component.from_environment()
    noop, retr = measure(component)
    octets.uninstall()
    _, slow = measure(component)
    lines = 0
    for file in Path(popcell.__file__).parent.glob("*.py"):
        lines += sum(1 for line in file.read_text().splitlines() if line.strip())
    print(f"NOOP, there and back:        {noop * 1e6:.0f} us")
    print(f"RETR of 1 MiB:               {retr * 1e3:.0f} ms")
    print(f"the same without octets.py:  {slow * 1e3:.0f} ms")
    print(f"lines of the package:        {lines}")


if __name__ == "__main__":
    main()
