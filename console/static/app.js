/* Hujambo's console. Every page works without this file; with it the page keeps itself up to date. */
"use strict";
(() => {
  const body = document.body;
  const skew = Number(body.dataset.now || Date.now()) - Date.now(); // cheap phones have wrong clocks
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  const words = JSON.parse(body.dataset.words); // console/pages.py, in the language of the page
  const put = (pattern, ...values) => values.reduce((text, value) => text.replace("{}", value), pattern);

  /* --- the time that is left, in the same words as console/pages.py --- */
  const duration = (ms) => {
    const minutes = Math.floor(ms / 60000);
    if (minutes < 1) return words.soon;
    if (minutes < 60) return put(words.minutes, minutes);
    const hours = Math.floor(minutes / 60), rest = minutes % 60, whole = put(words.hours, hours);
    if (hours < 24) return rest && hours < 6 ? `${whole} ${put(words.minutes, rest)}` : whole;
    const days = Math.floor(hours / 24), left = hours % 24, long = put(words.days, days);
    return left && days < 4 ? `${long} ${put(words.hours, left)}` : long;
  };
  const tick = () => {
    const now = Date.now() + skew;
    for (const item of all("[data-d]")) {
      const left = Number(item.dataset.d) - now;
      const text = left < 0 ? put(words.late, duration(-left)) : put(words.left, duration(left));
      if (item.textContent !== text) item.textContent = text;
      item.classList.toggle("late", left < 0);
    }
  };
  tick();
  setInterval(tick, 10000);

  /* --- how many SMS a text costs --- */
  const GSM = new Set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
  const GSM_TWO = new Set("^{}\\[~]|€\f");
  const cost = (text) => {
    let units = 0, plain = true;
    for (const char of text) {
      if (GSM.has(char)) units += 1;
      else if (GSM_TWO.has(char)) units += 2;
      else { plain = false; break; }
    }
    if (!plain) units = text.length;
    const [one, many] = plain ? [160, 153] : [70, 67];
    return { units, room: units <= one ? one : Math.ceil(units / many) * many, parts: units === 0 ? 0 : units <= one ? 1 : Math.ceil(units / many) };
  };
  for (const box of all("textarea[data-count]")) {
    const out = document.getElementById(box.dataset.count);
    const show = () => {
      const { units, room, parts } = cost(box.value);
      out.textContent = `${put(words.cost, units, room)} · ${put(words.parts, parts)}${parts > 1 ? ` · ${put(words.dear, parts)}` : ""}`;
      out.classList.toggle("over", parts > 1);
    };
    box.addEventListener("input", show);
    show();
  }

  /* --- a prepared reply goes into the box; what has to be filled in is marked, so that typing replaces it --- */
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-text]");
    const box = button && $("textarea[name=text]", button.form);
    if (!box) return;
    event.preventDefault();
    const before = box.value.trimEnd();
    box.value = before ? `${before} ${button.dataset.text}` : button.dataset.text;
    box.dispatchEvent(new Event("input"));
    box.focus();
    const slot = /\{\w*\}/.exec(box.value);
    box.setSelectionRange(slot ? slot.index : box.value.length, slot ? slot.index + slot[0].length : box.value.length);
  });
  if (matchMedia("(max-width: 719px)").matches) all("details.fold").forEach((fold) => { fold.open = false; });
  all('a[href="#protocol"]').forEach((link) => link.addEventListener("click", () => { const fold = $("#protocol details"); if (fold) fold.open = true; }));

  /* --- a form is sent once, however often it is tapped on a slow line --- */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.dataset.quick !== undefined) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => all("button", form).forEach((button) => { button.disabled = true; }));
  });
  addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    all("button", form).forEach((button) => { button.disabled = false; });
  }));

  const toEnd = (box) => { if (box) box.scrollTop = box.scrollHeight; };
  all(".talk, .screen").forEach(toEnd);

  /* --- the live stream: one per visible tab, and one for all hidden tabs together --- */
  const pulse = $("#pulse");
  const state = (on, text) => {
    if (!pulse) return;
    pulse.classList.toggle("on", on);
    pulse.classList.toggle("off", !on);
    pulse.textContent = text;
  };
  let source = null, last = "", letGo = null, lostAt = 0;
  const listen = (url, handlers) => {
    const address = last ? url.replace(/since=\d+/, `since=${last}`) : url; // EventSource itself sends Last-Event-ID only when it reconnects
    source = new EventSource(address);
    source.onopen = () => { lostAt = 0; state(true, words.live); };
    source.onerror = () => {
      state(false, words.lost);
      if (source.readyState === EventSource.CLOSED) {
        lostAt = lostAt || Date.now();
        setTimeout(() => listen(url, handlers), Math.min(30000, 2000 + (Date.now() - lostAt)));
      }
    };
    for (const [name, handler] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        handler(JSON.parse(event.data));
      });
    }
    source.addEventListener("bye", () => { source.close(); source = null; state(false, words.bye); });
  };
  const hush = () => { if (source) { source.close(); source = null; } if (letGo) { letGo(); letGo = null; } };
  const follow = (url, handlers) => {
    listen(url, handlers);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        if (letGo) { letGo(); letGo = null; }
        if (!source) listen(url, handlers);
      } else if (navigator.locks) {
        // Browsers allow six connections to one host: hidden tabs must not use them up.
        navigator.locks.request("hujambo-hidden", { ifAvailable: true }, (lock) => {
          if (!lock) { hush(); return undefined; }
          return new Promise((resolve) => { letGo = resolve; });
        });
      }
    });
    addEventListener("pagehide", hush);
  };

  /* --- the queue --- */
  const list = $("#queue"), say = $("#say"), title = document.title;
  /* Sound and notices, once somebody has asked for them here. A notice says the code, the level and the site: no more. */
  const bell = $("#bell"), KEPT = "hujambo-bell";
  let sound = null;
  const kept = () => { try { return localStorage.getItem(KEPT) === "on"; } catch { return false; } };
  const keep = (on) => { try { localStorage.setItem(KEPT, on ? "on" : "off"); } catch { /* a private window forgets */ } };
  const wake = () => {
    if (!window.AudioContext) return;
    sound = sound || new AudioContext();
    if (sound.state === "suspended") sound.resume();
  };
  const tone = () => {
    if (!sound || sound.state !== "running") return;
    [880, 660, 880].forEach((pitch, number) => {
      const voice = sound.createOscillator(), volume = sound.createGain(), at = sound.currentTime + number * 0.22;
      voice.frequency.value = pitch;
      volume.gain.setValueAtTime(0.25, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.2);
      voice.connect(volume).connect(sound.destination);
      voice.start(at);
      voice.stop(at + 0.2);
    });
  };
  const ring = (news) => {
    if (!kept()) return;
    tone();
    if (navigator.vibrate) navigator.vibrate([200, 100, 200]);
    if (window.Notification && Notification.permission === "granted") {
      try {
        const notice = new Notification(news.say, { tag: news.code });
        notice.onclick = () => { window.focus(); location.assign(`/console/alerts/${news.code}`); };
      } catch { /* some phones let no page make one: the sound and the title stay */ }
    }
  };
  if (bell) {
    const shown = () => { bell.textContent = kept() ? bell.dataset.on : bell.dataset.off; bell.setAttribute("aria-pressed", String(kept())); };
    bell.hidden = false;
    bell.addEventListener("click", async () => {
      keep(!kept());
      shown();
      if (!kept()) return;
      wake();
      tone();
      if (window.Notification && Notification.permission === "default") await Notification.requestPermission();
    });
    document.addEventListener("pointerdown", () => { if (kept()) wake(); }); // no sound before the page has been touched
    document.addEventListener("keydown", () => { if (kept()) wake(); });
    shown();
  }
  const place = (row) => {
    const next = all("li", list).find((other) => other !== row && other.dataset.k > row.dataset.k);
    list.insertBefore(row, next || null);
  };
  const showAlert = (news) => {
    const old = document.getElementById(`a${news.code}`);
    const hadFocus = old && old.contains(document.activeElement);
    if (news.html) {
      const holder = document.createElement("template");
      holder.innerHTML = news.html; // made by our own templates, escaped there
      const row = holder.content.firstElementChild;
      if (old) old.remove();
      if (news.say) row.classList.add("new");
      place(row);
      if (hadFocus) $("a", row).focus();
    } else if (old) old.remove();
    const empty = $("#empty");
    if (empty) empty.hidden = list.childElementCount > 0;
    if (news.say) {
      if (say) say.textContent = news.say;
      if (document.visibilityState === "hidden") document.title = `● ${news.say}`;
      if (news.loud) ring(news);
    }
    tick();
  };
  const showCounts = (news) => {
    for (const [level, count] of Object.entries(news.levels)) {
      const item = $(`[data-count="${level}"]`);
      if (!item) continue;
      item.textContent = count;
      item.closest("li").classList.toggle("none", count === 0);
    }
  };
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") document.title = title; });
  if (list && body.dataset.live) follow(body.dataset.live, { alert: showAlert, counts: showCounts });

  /* --- one alert: the parts marked data-part are fetched again; what somebody is typing stays --- */
  if (body.dataset.alert) {
    let waiting = null;
    const isWritten = (part) => all("textarea, input", part).some((field) => field.value !== field.defaultValue);
    const refresh = async () => {
      waiting = null;
      const answer = await fetch(body.dataset.alert, { headers: { "X-Refresh": "1" } }).catch(() => null);
      if (!answer || answer.status >= 500) { waiting = setTimeout(refresh, 5000); return; } // away for a moment: what is typed stays
      if (!answer.ok || answer.redirected) { if (!isWritten(document)) location.assign(body.dataset.alert); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of all("[data-part]")) {
        const other = $(`[data-part="${part.dataset.part}"]`, fresh);
        const isTyping = part.contains(document.activeElement) || isWritten(part)
          || all("select", part).some((field) => field.selectedIndex > 0);
        if (other && !(["acts", "asked"].includes(part.dataset.part) && isTyping) && other.innerHTML !== part.innerHTML) part.innerHTML = other.innerHTML;
      }
      all(".talk").forEach(toEnd);
      if (say) say.textContent = words.changed;
      tick();
    };
    follow(body.dataset.live, { changed: () => { if (!waiting) waiting = setTimeout(refresh, 150); } });
  }

  /* --- one key an attempt, where a page offers it (never while somebody is typing) --- */
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select")) return;
    const chosen = /^[0-9a-z]$/.test(event.key) && $(`[data-key="${event.key}"]`);
    if (chosen) { event.preventDefault(); chosen.click(); }
  });

  /* --- the wall of phones --- */
  if (body.dataset.wall) {
    follow(body.dataset.wall, { phone: (news) => {
      const screen = document.getElementById(`p${news.id}`);
      if (!screen) return;
      screen.innerHTML = news.html; // made by our own templates, escaped there
      toEnd(screen);
    } });
    document.addEventListener("submit", async (event) => {
      const form = event.target;
      if (form.dataset.quick === undefined) return;
      event.preventDefault();
      const input = $("input[name=text]", form), text = input.value;
      if (!text.trim()) return;
      const data = new URLSearchParams(new FormData(form));
      input.value = "";
      try {
        const answer = await fetch(form.action, { method: "POST", body: data, redirect: "manual" });
        if (answer.status >= 400) input.value = text;
      } catch { input.value = text; }
    });
  }
})();
