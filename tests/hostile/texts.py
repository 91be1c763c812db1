"""Texts that mean something to whoever reads them carelessly."""

HOSTILE = (
    'x"} or vector(1) #',
    'x" or up{a="',
    "x') or vector(1) #",
    "x\\",
    'x\\"',
    "x`} or vector(1) #`",
    "x\ny=z",
    "x\r\nPECR_CONTROLLER_ENGINE=rlm",
    "x\u2028y\u0085z",
    ".*|.+",
    "x}[5m]) or vector(0) or (",
    "(((((.*)*)*)*)*)*",
    "{{ $labels }} ${HOME} $(id) %s %n {0}",
    "x; touch /tmp/owned #",
    "x' ; touch /tmp/owned ; '",
    "x && kubectl delete ns pecr",
    "</code><script>alert(1)</script>",
    "![x](http://192.0.2.1/x) **x** | y |",
    "```\n# heading\n- item",
    "\u202e\u2066gro.dev\u0301\u200b",
    "😀日本Größe",
    "\x01\x1b[31m\x7f",
    "__name__",
    "--overwrite",
    "-x",
)
"""Among them PromQL, regular expressions, templates, shells, HTML, Markdown and ENV files."""

HARMLESS = "harmless"
