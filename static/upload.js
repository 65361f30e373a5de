// Shows how far an upload has come. Without this script the form is sent all the same.

function enhance(main) {
  const form = main.querySelector("form[data-upload]");
  if (form === null) {
    return;
  }
  form.elements.file.addEventListener("change", () => refuseTooLarge(form));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

function mebibytes(bytes) {
  return (bytes / 2 ** 20).toFixed(1);
}

function refuseTooLarge(form) {
  const input = form.elements.file;
  const [file] = input.files;
  const limit = Number(form.dataset.maxSize);
  const isTooLarge = file !== undefined && file.size > limit;
  input.setCustomValidity(
    isTooLarge ? `The file has ${mebibytes(file.size)} MiB; at most ${mebibytes(limit)} MiB are taken.` : "",
  );
  input.reportValidity();
}

function send(form) {
  const progress = form.querySelector("progress");
  const state = form.querySelector("[data-state]");
  const button = form.querySelector("button[type=submit]");
  const started = performance.now();
  const request = new XMLHttpRequest();
  request.upload.addEventListener("progress", (event) => {
    progress.max = event.total;
    progress.value = event.loaded;
    const seconds = Math.max((performance.now() - started) / 1000, 0.001);
    const speed = mebibytes(event.loaded / seconds);
    state.textContent = `${mebibytes(event.loaded)} of ${mebibytes(event.total)} MiB, ${speed} MiB/s`;
  });
  request.upload.addEventListener("load", () => {
    state.textContent = "Sent; the file is being checked.";
  });
  request.addEventListener("load", () => show(request, form.action));
  request.addEventListener("error", () => {
    state.textContent = "The connection broke off. Nothing was kept; send it again.";
    button.disabled = false;
  });
  request.open("POST", form.action);
  request.send(new FormData(form));
  progress.hidden = false;
  button.disabled = true;
}

// The new submission's page, or this page again with what is wrong.
function show(request, action) {
  if (request.status === 200 && request.responseURL !== action) {
    location.assign(request.responseURL);
    return;
  }
  const main = new DOMParser().parseFromString(request.responseText, "text/html").querySelector("main");
  document.querySelector("main").replaceWith(main);
  enhance(main);
  main.querySelector("[aria-invalid=true]")?.focus();
}

enhance(document.querySelector("main"));
