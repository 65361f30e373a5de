// Makes a page more pleasant where scripts run: instants in the reader's own time zone, and pages
// that follow what is under way without a reload.

// How long a page waits for events before it asks by itself, and without a stream of them.
const PATIENCE_MS = 10000;
const POLL_MS = 2000;
// After a refusal, as when too many pages are followed, a stream is asked for anew so much later.
const LISTEN_AGAIN_MS = 10000;

let source = null;
let timer;
let listenAgain;
// The refresh that is under way, and whether another one is wanted after it.
let isRefreshing = false;
let isAskedAgain = false;

function showLocalTimes(root) {
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title ||= time.textContent.trim();
    time.textContent = ("day" in time.dataset ? day : moment).format(at);
  }
}

// Asks for the page again and changes what differs.
async function refresh() {
  clearTimeout(timer);
  if (isRefreshing) {
    isAskedAgain = true;
    return;
  }
  isRefreshing = true;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      showLocalTimes(page);
      document.title = page.title;
      const icon = document.querySelector("link[rel=icon]");
      const now = page.querySelector("link[rel=icon]");
      if (icon.href !== now.href) {
        icon.replaceWith(document.adoptNode(now));
      }
      change(document.querySelector("main"), page.querySelector("main"));
      startClocks();
    }
  } catch {
    // The server cannot be reached just now: ask again later.
  }
  isRefreshing = false;
  if (isAskedAgain) {
    isAskedAgain = false;
    refresh();
  } else {
    follow();
  }
}

// Makes one element like another and keeps what is alike in place, so that neither the focus nor the
// place that is scrolled to is lost, and only what changed is read out.
function change(shown, wanted) {
  if (shown.isEqualNode(wanted)) {
    return;
  }
  for (const { name } of [...shown.attributes]) {
    if (!wanted.hasAttribute(name) && name !== "open") {
      shown.removeAttribute(name);
    }
  }
  for (const { name, value } of wanted.attributes) {
    if (shown.getAttribute(name) !== value) {
      shown.setAttribute(name, value);
    }
  }
  let next = shown.firstChild;
  for (const child of [...wanted.childNodes]) {
    const like = isLike(next, child) ? next : findLike(shown, child);
    if (like === null) {
      shown.insertBefore(document.adoptNode(child), next);
      continue;
    }
    if (like !== next) {
      shown.insertBefore(like, next);
    }
    next = like.nextSibling;
    if (like.nodeType === Node.ELEMENT_NODE) {
      change(like, child);
    } else if (like.data !== child.data) {
      like.data = child.data;
    }
  }
  while (next !== null) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

// Whether one may become the other. What has an id becomes nothing else.
function isLike(node, wanted) {
  return node !== null && node.nodeName === wanted.nodeName && (node.id ?? "") === (wanted.id ?? "");
}

function findLike(parent, wanted) {
  const { id } = wanted;
  return id ? [...parent.children].find((child) => isLike(child, wanted)) ?? null : null;
}

// Bars and times that go on between two refreshes.
function startClocks() {
  const start = performance.now();
  for (const clock of document.querySelectorAll("[data-ticks], progress[data-per-second]")) {
    clock.startedAt = start;
    clock.startValue = clock.getAttribute("value");
  }
}

function moveClocks() {
  for (const clock of document.querySelectorAll("[data-ticks], progress[data-per-second]")) {
    const passed = (performance.now() - clock.startedAt) / 1000;
    if (clock.nodeName === "PROGRESS") {
      const until = Number(clock.dataset.until);
      const moved = Number(clock.startValue) + passed * Number(clock.dataset.perSecond);
      clock.value = Math.max(clock.value, Math.min(moved, until));
    } else {
      const seconds = Math.floor(Number(clock.dataset.ticks) + passed);
      const minutes = Math.floor(seconds / 60);
      const rest = String(seconds % 60).padStart(2, "0");
      clock.textContent = minutes === 0 ? `${seconds} s` : `${minutes} min ${rest} s`;
    }
  }
}

// Hears of changes where the page says where, and asks by itself while something is under way.
function follow() {
  const { events, live } = document.querySelector("main").dataset;
  clearTimeout(timer);
  if (document.hidden || events === undefined) {
    unfollow();
    return;
  }
  if (source === null && "EventSource" in window) {
    listen(events);
  }
  if (live !== undefined) {
    const isListening = source !== null && source.readyState === EventSource.OPEN;
    timer = setTimeout(refresh, isListening ? PATIENCE_MS : POLL_MS);
  }
}

function listen(events) {
  source = new EventSource(events);
  // The first one, too: something may have moved since the page was made.
  source.addEventListener("message", refresh);
  source.addEventListener("end", () => {
    source.close();
    refresh();
  });
  // To what breaks off or ends the browser comes back by itself, but not to what was refused.
  source.addEventListener("error", ({ target }) => {
    if (target === source && target.readyState === EventSource.CLOSED) {
      clearTimeout(listenAgain);
      listenAgain = setTimeout(() => {
        source = null;
        follow();
      }, LISTEN_AGAIN_MS);
    }
  });
}

function unfollow() {
  clearTimeout(listenAgain);
  source?.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    follow();
  } else if (document.querySelector("main").dataset.events !== undefined) {
    refresh();
  }
});
addEventListener("pagehide", unfollow);
addEventListener("pageshow", (event) => {
  // Come back to by the browser's own buttons, as it was left.
  if (event.persisted) {
    refresh();
  }
});

showLocalTimes(document);
startClocks();
setInterval(moveClocks, 250);
follow();
