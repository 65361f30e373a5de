// Makes a page more pleasant where scripts run: instants in the reader's own time zone, and pages
// that follow a running submission without a reload.

const REFRESH_MS = 2000;

function showLocalTimes(root) {
  const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.title ||= time.textContent.trim();
    time.textContent = ("day" in time.dataset ? day : moment).format(at);
  }
}

async function refresh(shown) {
  let main = shown;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      main = page.querySelector("main");
      document.title = page.title;
      showLocalTimes(main);
      // What has the keyboard's focus is not pulled away from under it.
      if (!shown.contains(document.activeElement) || !("live" in main.dataset)) {
        shown.replaceWith(main);
      } else {
        main = shown;
      }
    }
  } catch {
    // The server cannot be reached just now: ask again later.
  }
  follow(main);
}

function follow(main) {
  if ("live" in main.dataset) {
    setTimeout(refresh, REFRESH_MS, main);
  }
}

showLocalTimes(document);
follow(document.querySelector("main"));
