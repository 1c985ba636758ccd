"""The device that a session was opened with, as its owner recognises it: browser family and operating system.

No versions and no models: enough to tell one's own sessions apart, too little to tell people apart.
"""

UNKNOWN = "unknown device"

# The first that is named in the User-Agent header wins: Edge, Opera and Samsung's browser also call themselves Chrome,
# and Chrome calls itself Safari.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Opera", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-", "Python"),
    ("Python", "Python"),
)
# iOS calls itself like Mac OS X, Android like Linux.
SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str:
    """Returns `Firefox`; empty where the header names no browser that is known."""
    return next((name for sign, name in BROWSERS if sign in user_agent), "")


def device_of(user_agent: str) -> str:
    """Returns `Firefox on Linux`, or as much of that as the header tells."""
    browser = browser_of(user_agent)
    system = next((name for sign, name in SYSTEMS if sign in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or UNKNOWN
