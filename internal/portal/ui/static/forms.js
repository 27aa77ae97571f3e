// Small comforts for forms. Every page works without them.
{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const focus = (el) => el && el.focus();

  // What has just happened comes first: the error summary, a notice, an outcome.
  const open = document.querySelector('dialog[data-open="true"]');
  if (!open) focus(document.querySelector("[data-focus]"));

  // A form is sent once; a second press is ignored. Ceremonies look after themselves.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.ceremony || event.defaultPrevented) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "1";
    const button = event.submitter;
    if (button) {
      button.setAttribute("aria-disabled", "true");
      if (button.dataset.busy) {
        button.dataset.idle = button.textContent;
        button.textContent = button.dataset.busy;
      }
    }
  });
  // The page may come back from the browser's memory, as it was left.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("button[aria-disabled]")) {
      button.removeAttribute("aria-disabled");
      if (button.dataset.idle) button.textContent = button.dataset.idle;
    }
  });

  for (const button of all("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    const words = [[button.textContent, button.ariaLabel], [button.dataset.hide, button.dataset.hideLabel]];
    const show = (yes) => {
      input.type = yes ? "text" : "password";
      [button.textContent, button.ariaLabel] = words[+yes];
    };
    button.addEventListener("click", () => show(input.type === "password"));
    // Never left open: browsers would remember it as ordinary text.
    input.form.addEventListener("submit", () => show(false));
  }

  for (const input of all("[data-count]")) {
    const line = document.getElementById(input.id + "-count");
    const max = +input.dataset.count;
    const update = () => {
      const n = [...input.value.normalize()].length;
      const { text, over } = line.dataset;
      line.textContent = n > max ? over.replace("{n}", n - max) : text.replace("{n}", n).replace("{max}", max);
      line.classList.toggle("count-over", n > max);
    };
    input.addEventListener("input", update);
    update();
  }

  // A code that is complete goes on by itself, as its hint says: each one once. Its page has no data-digits after a wrong one, so that the
  // next goes by the button.
  for (const input of all("[data-digits]")) {
    let gone;
    input.addEventListener("input", () => {
      const code = input.value.replace(/\s/g, "");
      if (code === gone || !/^\d+$/.test(code) || code.length !== +input.dataset.digits || !input.form.requestSubmit) return;
      gone = code;
      const status = input.form.querySelector("[data-going]");
      status.textContent = status.dataset.going;
      input.form.requestSubmit(input.form.querySelector("button"));
    });
  }

  for (const chip of all("[data-fill]")) {
    chip.addEventListener("click", () => {
      const input = document.getElementById(chip.dataset.fill);
      input.value = chip.value;
      input.dispatchEvent(new Event("input"));
      input.focus();
    });
  }

  // Links that open their page as a dialog on this one.
  const show = (dialog) => {
    dialog.showModal();
    focus(dialog.querySelector("input:not([type=hidden])"));
  };
  for (const link of all("[data-dialog]")) {
    link.addEventListener("click", (event) => {
      const dialog = document.getElementById(link.dataset.dialog);
      if (!dialog || !dialog.showModal || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      show(dialog);
    });
  }
  for (const link of all("dialog [data-close]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      link.closest("dialog").close();
    });
  }
  if (open && open.showModal) show(open);

  for (const button of all("[data-copy]")) {
    button.addEventListener("click", async () => {
      const lines = all("code", document.getElementById(button.dataset.copy)).map((c) => c.textContent);
      await navigator.clipboard.writeText(lines.join("\n"));
      document.querySelector("[data-copy-status]").textContent = button.dataset.copied;
    });
  }
  for (const button of all("[data-print]")) button.addEventListener("click", () => print());

  // A wait that is told in seconds: it counts down in silence. Then its line goes, or leads on, unless somebody stops it.
  for (const line of all("[data-seconds]")) {
    const { seconds, text, next, stopped } = line.dataset, words = line.querySelector("[data-left]");
    const end = Date.now() + seconds * 1000;
    const timer = setInterval(() => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) return void (words.textContent = text.replace("{n}", Math.floor(left / 60) + ":" + String(left % 60).padStart(2, "0")));
      clearInterval(timer);
      if (next) location.assign(next);
      else line.hidden = true;
    }, 1000);
    const stay = line.querySelector("[data-stay]");
    if (stay) stay.addEventListener("click", () => {
      clearInterval(timer);
      stay.hidden = true;
      words.textContent = stopped;
      line.tabIndex = -1;
      focus(line);
    });
  }

  // Another language: what has been typed comes along, and never what was typed in a field whose value no page sends back.
  const typedIn = (path) => {
    const form = all("main form").find((f) => f.getAttribute("action") === path);
    return [...(form ? form.elements : [])].filter((f) =>
      f.name && (f.type === "select-one" || f.hasAttribute("value") && (f.type === "radio" ? f.checked : ["text", "email", "tel"].includes(f.type))));
  };
  const languageForm = document.getElementById("language-form");
  if (languageForm) {
    languageForm.addEventListener("submit", () => {
      const typed = typedIn(languageForm.elements.return.value);
      const changed = typed.some((f) => (f.type === "radio" ? !f.defaultChecked : f.options ? !f.selectedOptions[0]?.defaultSelected : f.value !== f.defaultValue));
      for (const field of typed) {
        const name = "typed-" + field.name;
        if (!languageForm.elements[name]) {
          if (!changed) continue;
          languageForm.append(Object.assign(document.createElement("input"), { type: "hidden", name }));
        }
        languageForm.elements[name].value = field.value;
      }
    });
  }

  // Set-up: does the browser see the same address as the server?
  const origin = document.querySelector("[data-origin]");
  if (origin) {
    const same = location.origin === origin.dataset.origin;
    document.querySelector("[data-origin-seen]").textContent = location.origin;
    if (!same) {
      origin.querySelector("[data-origin-same]").hidden = true;
      origin.querySelector("[data-origin-different]").hidden = false;
    }
  }
}
