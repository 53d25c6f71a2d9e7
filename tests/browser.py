"""Pages in headless Chromium, through its debugging protocol: sizes, requests, messages, pictures."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip
WIDEST = """(() => {
  const wide = [...document.querySelectorAll('body *')].filter(e => {
    const scrolls = e.closest('.wide, pre');
    return (!scrolls || scrolls === e) && e.getBoundingClientRect().right > WIDTH + 1;
  });
  return JSON.stringify({page: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
    wide: wide.map(e => `${e.tagName}: ${e.textContent.slice(0, 60)}`),
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.alt)});
})()"""


def browser() -> str | None:
    """Program: that of the environment variable CHROMIUM, or the first one that is installed; None without one."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)


class Chromium:
    """A running browser; a context manager."""

    def __init__(self, program: str, profile: Path) -> None:
        ours, theirs = os.pipe(), os.pipe()

        def connect() -> None:
            # file descriptors 3 and 4 are those of the protocol
            os.dup2(ours[0], 13)
            os.dup2(theirs[1], 14)
            os.dup2(13, 3)
            os.dup2(14, 4)

        self._process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            close_fds=False,
            preexec_fn=connect,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self._write, self._read = os.fdopen(ours[1], "wb"), os.fdopen(theirs[0], "rb")
        self._number, self._session, self._rest = 0, None, b""
        self.events: list[dict[str, Any]] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._ask(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._write.close()
        self._read.close()

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read.fileno(), 2**20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._rest += part
        text, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(text))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def look(self, page: Path, width: int, picture: Path | None = None) -> dict[str, Any]:
        """Open a page in a window of a width, and return what is wider, what it asked for, and what it said."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.events.clear()
        address = page.resolve().as_uri()
        self._ask("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())
        found = json.loads(
            self._ask("Runtime.evaluate", expression=WIDEST.replace("WIDTH", str(width)))["result"]["value"]
        )
        if picture is not None:
            clip = {"x": 0, "y": 0, "width": width, "height": min(found["height"], 6000), "scale": 1}
            shot = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
            picture.write_bytes(base64.b64decode(shot["data"]))
        of = {name: [e["params"] for e in self.events if e["method"] == name] for name in self._names()}
        urls = [event["request"]["url"] for event in of["Network.requestWillBeSent"]]
        found["requests"] = [url for url in urls if url != address and not url.startswith("data:")]
        found["messages"] = [
            *(event["entry"]["text"] for event in of["Log.entryAdded"]),
            *map(str, of["Runtime.consoleAPICalled"]),
            *map(str, of["Runtime.exceptionThrown"]),
        ]
        return dict(found)

    @staticmethod
    def _names() -> tuple[str, ...]:
        return ("Network.requestWillBeSent", "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
