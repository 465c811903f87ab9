"use strict";
// Follows the store that the page shows: asks which commit is the newest, and takes the new articles when it changed.
(() => {
  const EVERY = 2500, SELDOM = 15000, PATIENCE = 15000, DRAWING = 300000;
  const bar = document.querySelector(".live");
  const words = bar.querySelector("[role=status]"), age = bar.querySelector(".live-age");
  const said = (root, name) => root.querySelector(`meta[name="groklab-${name}"]`)?.content ?? "";

  let shown = said(document, "version"), broken = null;
  let latest = null, latestTag = "", pageTag = "";
  let clock = 0;  // by how much the server's clock is ahead, in milliseconds
  let wait = EVERY, timer = null, asking = false;

  const ago = (date) => {
    const seconds = Math.max(0, Math.round((Date.now() + clock - Date.parse(date)) / 1000));
    if (seconds < 60) return `${seconds} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} days ago`;
  };

  const tick = () => {
    for (const time of document.querySelectorAll("time.ago")) {
      time.title ||= time.textContent;
      time.textContent = ago(time.dateTime);
    }
    const follows = bar.dataset.state === "following" && latest;
    age.textContent = follows ? `, ${latest.committed ? `last commit ${ago(latest.committed)}` : "no commit yet"}` : "";
  };

  // The words are a live region: they are set only when they change, and the age, which always does, stands beside.
  const say = (state, text) => {
    bar.dataset.state = state;
    if (words.textContent !== text) words.textContent = text;
    tick();
  };

  const sayLatest = () => {
    const { problem, runs, ended } = latest;
    if (problem) say("failed", `cannot be read now: ${problem}`);
    else if (broken === shown) say("failed", "this commit could not be shown without a reload");
    else if (runs && runs === ended) say("ended", "ended");
    else say("following", "following");
  };

  // Only what never came is a lost connection; why the server refuses, it says in one line.
  const ask = async (place, tag, patience) => {
    const headers = tag ? { "If-None-Match": tag } : {};
    const asked = fetch(place, { headers, cache: "no-store", signal: AbortSignal.timeout(patience) });
    const lost = () => { throw new Error("connection lost, trying again", { cause: "lost" }); };
    const answer = await asked.catch(lost), text = await answer.text().catch(lost);
    if (answer.ok || answer.status === 304) return { answer, text };
    throw new Error(`the server says: ${text.trim().split("\n")[0].slice(0, 200) || answer.status}; trying again`);
  };

  // A slider that is held must not vanish under the finger.
  let held = false;
  for (const name of ["pointerdown", "pointerup", "pointercancel"]) {
    window.addEventListener(name, () => { held = name === "pointerdown"; }, { capture: true, passive: true });
  }
  const released = async () => { while (held) await new Promise((done) => setTimeout(done, 100)); };

  // The place of an element in an article, and the element at a place.
  const wayTo = (element, article) => {
    const way = [];
    for (; element !== article; element = element.parentElement) way.unshift([...element.parentElement.children].indexOf(element));
    return way;
  };
  const at = (way, article) => way.reduce((element, index) => element?.children[index], article);
  const summaries = (article) => [...article.querySelectorAll("details")].map((one) => [one.querySelector("summary")?.textContent, one]);

  const swap = async (old, fresh) => {
    const active = old.contains(document.activeElement) ? document.activeElement : null;
    const way = active && wayTo(active, old), kind = active?.tagName;
    const open = new Map(summaries(old).map(([name, one]) => [name, one.open]));
    await window.groklab?.unmount?.(old);
    const article = document.adoptNode(fresh);
    for (const [name, one] of summaries(article)) if (open.has(name)) one.open = open.get(name);
    old.replaceWith(article);
    await window.groklab?.mount?.(article);
    const again = way && at(way, article);
    if (again && again.tagName === kind) again.focus({ preventScroll: true });
  };

  const renew = async () => {
    const { answer, text } = await ask("./", pageTag, DRAWING);
    if (answer.status === 304) return;
    const fresh = new DOMParser().parseFromString(text, "text/html");
    pageTag = answer.headers.get("etag") ?? "";
    if (said(fresh, "version") === shown) return;
    const articles = [...fresh.querySelectorAll("main article")].map((one) => [document.getElementById(one.id), one]);
    const mountable = window.groklab?.mount || !document.querySelector("main figure");
    if (said(fresh, "frame") !== said(document, "frame") || !mountable || articles.some(([old]) => !old)) {
      location.reload();
      return;
    }
    await released();
    const main = document.querySelector("main"), top = window.scrollY;
    main.style.minHeight = `${main.offsetHeight}px`;
    // What fails once is not tried again before there is another page.
    shown = said(fresh, "version");
    for (const [old, one] of articles) {
      try {
        await swap(old, one);
      } catch (error) {
        console.error(error);
        broken = shown;
      }
    }
    window.scrollTo({ top, behavior: "instant" });
    setTimeout(() => { main.style.minHeight = ""; }, 2000);
    sayLatest();
  };

  const follow = async () => {
    clearTimeout(timer);
    if (document.hidden || asking) return;
    asking = true;
    try {
      const { answer, text } = await ask("version", latestTag, PATIENCE);
      if (answer.status !== 304) {
        latest = JSON.parse(text);
        latestTag = answer.headers.get("etag") ?? "";
      }
      clock = Date.parse(answer.headers.get("date")) - Date.now() || 0;
      sayLatest();
      if (latest.version !== shown && !latest.problem) await renew();
      wait = EVERY;
    } catch (error) {
      if (error.cause === "lost") say("lost", error.message);
      else say("failed", error.message);
      wait = Math.min(2 * wait, SELDOM);
    } finally {
      asking = false;
      timer = setTimeout(follow, wait);
    }
  };

  document.addEventListener("visibilitychange", follow);
  window.addEventListener("online", follow);
  setInterval(() => { if (!document.hidden) tick(); }, 1000);
  follow();
})();
