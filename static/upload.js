// Shows how far an upload has come, and lets it be stopped. Without this script the form is sent all
// the same.

// What is read out, at most so often: a number for each packet would drown everything else.
const SPEAK_EVERY_MS = 5000;
// Speed is taken over the last seconds, so that a pause shows.
const WINDOW_MS = 4000;

function enhance(main) {
  const form = main.querySelector("form[data-upload]");
  if (form === null) {
    return;
  }
  form.elements.file.addEventListener("change", () => refuseTooLarge(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (refuseTooLarge(form)) {
      send(form);
    }
  });
}

function size(bytes) {
  return bytes < 2 ** 20 ? `${Math.ceil(bytes / 2 ** 10)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function wait(seconds) {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

// What the server would refuse after all of it was sent.
function refuseTooLarge(form) {
  const input = form.elements.file;
  const [file] = input.files;
  const limit = Number(form.dataset.maxSize);
  let problem = "";
  if (file !== undefined && file.size > limit) {
    problem = `The file has ${size(file.size)}; at most ${size(limit)} are taken.`;
  } else if (file !== undefined && file.size === 0) {
    problem = "The file is empty.";
  }
  input.setCustomValidity(problem);
  return input.reportValidity();
}

// How fast bytes go, and how long the rest takes.
function speedometer() {
  const seen = [{ at: performance.now(), loaded: 0 }];
  return (loaded) => {
    const now = performance.now();
    seen.push({ at: now, loaded });
    while (seen.length > 2 && seen[1].at < now - WINDOW_MS) {
      seen.shift();
    }
    const passed = Math.max(now - seen[0].at, 1) / 1000;
    return (loaded - seen[0].loaded) / passed;
  };
}

function send(form) {
  const bar = form.querySelector("progress");
  const state = form.querySelector("[data-state]");
  const button = form.querySelector("button[type=submit]");
  const cancel = document.createElement("button");
  cancel.type = "button";
  cancel.className = "secondary";
  cancel.dataset.cancelUpload = "";
  cancel.textContent = "Cancel the upload";
  // Seen all the time, and read out now and then by the line that is.
  const figures = document.createElement("p");
  figures.className = "figures";
  figures.setAttribute("aria-hidden", "true");

  const request = new XMLHttpRequest();
  const measure = speedometer();
  let spokenAt = 0;
  const stop = (sentence) => {
    state.textContent = sentence;
    bar.hidden = true;
    cancel.remove();
    figures.remove();
    button.disabled = false;
    button.focus();
  };

  request.upload.addEventListener("progress", (event) => {
    const speed = measure(event.loaded);
    bar.max = event.total;
    bar.value = event.loaded;
    const left = speed > 0 ? `, ${wait((event.total - event.loaded) / speed)} left` : "";
    const words = `${size(event.loaded)} of ${size(event.total)}, ${size(speed)}/s${left}`;
    figures.textContent = words;
    if (performance.now() - spokenAt > SPEAK_EVERY_MS) {
      spokenAt = performance.now();
      state.textContent = `Sending: ${Math.floor((100 * event.loaded) / event.total)} %${left}`;
    }
  });
  request.upload.addEventListener("load", () => {
    figures.remove();
    bar.removeAttribute("value");
    state.textContent = "Sent; the file is being checked.";
  });
  request.addEventListener("load", () => {
    if (!show(request, form.action)) {
      const answer = `${request.status} ${request.statusText}`.trim();
      stop(`The answer was ${answer}, from a proxy before the server, perhaps. ${advice(request.status)}`);
    }
  });
  request.addEventListener("error", () => {
    stop("The connection broke. Nothing was kept and no quota used: send it again.");
  });
  request.addEventListener("abort", () => {
    stop("Cancelled. Nothing was kept and no quota used.");
  });
  cancel.addEventListener("click", () => request.abort());

  request.open("POST", form.action);
  request.send(new FormData(form));
  bar.hidden = false;
  bar.value = 0;
  state.textContent = "Sending …";
  bar.after(figures);
  state.after(cancel);
  button.disabled = true;
  cancel.focus();
}

function advice(status) {
  return status === 413
    ? "Nothing was taken: the file is larger than what it lets through. Tell the host."
    : "Whether the file was taken is not known: look at your submissions before you send it again.";
}

// The new submission's page, or this page again with what is wrong. Says whether the answer was one
// of these: one of a proxy's is not.
function show(request, action) {
  if (request.status === 200 && request.responseURL !== action) {
    location.assign(request.responseURL);
    return true;
  }
  const main = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
  if (main === null) {
    return false;
  }
  document.querySelector("main").replaceWith(main);
  enhance(main);
  main.querySelector("[aria-invalid=true]")?.focus();
  return true;
}

enhance(document.querySelector("main"));
