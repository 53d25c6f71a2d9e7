"""Text of the cells of tables in HTML."""

from html.parser import HTMLParser


class Cells(HTMLParser):
    """Text of all cells; every tag but br must be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in ("br", "img"):
            self.open.append(tag)
        if tag in ("td", "th", "caption"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.cells and self.open and "table" in self.open:
            self.cells[-1] += data
