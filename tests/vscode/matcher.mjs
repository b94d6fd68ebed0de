// What VS Code lists under Problems for the output of a task, by the documented rules of problem matchers.
//
// Standard input: {"task", "workspace", "output", "exits"}. Standard output: {"ended": [list, ...], "problems": list}:
// what is listed when each round ends, and once the output has been silent for a while (or the task has ended).

import { existsSync, readFileSync } from "node:fs";
import { isAbsolute, join, normalize, relative } from "node:path";

const SEVERITIES = { error: "error", e: "error", warning: "warning", warn: "warning", w: "warning",
                     info: "info", i: "info", hint: "info", note: "info" };
const CONTROL = /\x1b\[[0-?]*[ -/]*[@-~]|\r/g;

function resolved(text, workspace) {
  return text.replaceAll("${workspaceFolder}", workspace);
}

function readPattern(pattern, alone) {
  const read = { ...pattern, regexp: new RegExp(pattern.regexp) };
  if (!alone) return read;
  // Only a pattern of one line has groups that need not be named.
  const defaults = pattern.location !== undefined || pattern.kind === "file"
    ? { file: 1, message: 0 }
    : { file: 1, line: 2, column: 3, message: 0 };
  return { ...defaults, ...read };
}

function readMatcher(matcher, workspace) {
  if (typeof matcher === "string") throw new Error(`the named matcher ${matcher} belongs to an extension`);
  const lines = Array.isArray(matcher.pattern);
  const patterns = lines ? matcher.pattern.map((each) => readPattern(each, false)) : [readPattern(matcher.pattern, true)];
  patterns.forEach((each, place) => {
    if (each.loop && place < patterns.length - 1) throw new Error("only the last pattern may loop");
    if (each.kind !== undefined && place > 0) throw new Error("only the first pattern may have a kind");
  });
  const has = (name) => patterns.some((each) => each[name] !== undefined);
  if (!has("file") || !has("message")) throw new Error("a file and a message are needed");
  if (patterns[0].kind !== "file" && !has("line") && !has("location")) throw new Error("a line is needed");
  const given = matcher.fileLocation ?? ["relative", "${workspaceFolder}"];
  const [location, prefix] = Array.isArray(given) ? given : [given, "${workspaceFolder}"];
  const begins = matcher.background?.beginsPattern, ends = matcher.background?.endsPattern;
  return {
    owner: matcher.owner ?? "external",
    source: matcher.source,
    severity: matcher.severity ?? "error",
    location: location.toLowerCase(),
    prefix: resolved(prefix ?? "${workspaceFolder}", workspace),
    patterns,
    begins: begins && { regexp: new RegExp(begins.regexp ?? begins), file: begins.file },
    ends: ends && new RegExp(ends.regexp ?? ends),
    activeOnStart: Boolean(matcher.background?.activeOnStart),
    active: false,
  };
}

function pathOf(file, matcher) {
  if (matcher.location === "absolute") return normalize(file);
  const inside = normalize(join(matcher.prefix, file));
  if (matcher.location === "autodetect" && !existsSync(inside)) return normalize(file);
  return inside;
}

function fill(data, pattern, match) {
  for (const name of ["file", "message", "code", "severity", "location", "line", "column", "endLine", "endColumn"]) {
    const group = pattern[name];
    if (group === undefined || match[group] === undefined) continue;
    const text = ["line", "column", "endLine", "endColumn"].includes(name) ? match[group] : match[group].trim();
    if (data[name] === undefined) data[name] = text;
    else if (name === "message") data[name] += "\n" + text;
  }
}

function problemOf(data, matcher) {
  let place;
  if (matcher.patterns[0].kind === "file") place = [1, 1];
  else if (data.location !== undefined) place = data.location.split(",").map(Number);
  else if (data.line !== undefined) place = [Number(data.line), ...(data.column ? [Number(data.column)] : [])];
  if (!data.file || !data.message || !place || Number.isNaN(place[0])) return undefined;
  return {
    owner: matcher.owner,
    source: matcher.source,
    path: pathOf(data.file, matcher),
    line: place[0],
    column: place[1] ?? 1,
    wholeLine: place.length === 1,
    severity: SEVERITIES[(data.severity ?? "").toLowerCase()] ?? matcher.severity,
    message: data.message,
    ...(data.code === undefined ? {} : { code: data.code }),
  };
}

class Collector {
  constructor(matchers) {
    this.matchers = matchers;
    this.longest = Math.max(...matchers.map((each) => each.patterns.length));
    this.buffer = [];
    this.looping = undefined;
    this.listed = new Map(); // what the list shows: owner, line end, path -> problems
    this.found = new Map(); // what this round has found so far
    this.stale = new Set(); // what the list shows from before this round
    this.ended = [];
    for (const matcher of matchers) {
      if (matcher.begins && matcher.activeOnStart) matcher.active = true;
    }
  }

  feed(line) {
    if (this.begin(line) || this.end(line)) return;
    const problem = this.match(line);
    if (!problem) return;
    const key = `${problem.owner}\n${problem.path}`;
    this.stale.delete(key);
    const known = this.found.get(key) ?? [];
    if (!known.some((each) => JSON.stringify(each) === JSON.stringify(problem))) known.push(problem);
    this.found.set(key, known);
  }

  begin(line) {
    let begun = false;
    for (const matcher of this.matchers) {
      const match = matcher.begins?.regexp.exec(line);
      // A round that is under way already is not begun again.
      if (!match || matcher.active) continue;
      matcher.active = begun = true;
      this.deliver();
      this.found.clear();
      const file = matcher.begins.file === undefined ? undefined : match[matcher.begins.file];
      for (const key of this.listed.keys()) {
        if (file ? key === `${matcher.owner}\n${pathOf(file, matcher)}` : key.startsWith(`${matcher.owner}\n`)) {
          this.stale.add(key);
        }
      }
    }
    return begun;
  }

  end(line) {
    let ended = false;
    for (const matcher of this.matchers) {
      if (!matcher.ends?.test(line) || !matcher.active) continue;
      matcher.active = false;
      ended = true;
      this.deliver();
      for (const key of this.stale) {
        if (key.startsWith(`${matcher.owner}\n`)) this.listed.delete(key);
      }
      this.stale.clear();
      this.found.clear();
      this.ended.push(this.problems());
    }
    return ended;
  }

  deliver() {
    for (const [key, problems] of this.found) this.listed.set(key, [...problems]);
  }

  match(line) {
    if (this.looping) {
      const { matcher, data } = this.looping;
      const pattern = matcher.patterns.at(-1);
      const match = pattern.regexp.exec(line);
      if (match) {
        const again = { ...data };
        fill(again, pattern, match);
        return problemOf(again, matcher);
      }
      this.looping = undefined;
      this.buffer = [];
    }
    this.buffer.push(line);
    if (this.buffer.length > this.longest) this.buffer.shift();
    // The matcher of the most lines first.
    for (let start = 0; start < this.buffer.length; start++) {
      const lines = this.buffer.slice(start);
      for (const matcher of this.matchers.filter((each) => each.patterns.length === lines.length)) {
        const problem = this.matchLines(matcher, lines);
        if (problem) {
          this.buffer = [];
          return problem;
        }
      }
    }
    return undefined;
  }

  matchLines(matcher, lines) {
    let data = {};
    for (const [place, pattern] of matcher.patterns.entries()) {
      const match = pattern.regexp.exec(lines[place]);
      if (!match) return undefined;
      if (pattern.loop) this.looping = { matcher, data: { ...data } };
      fill(data, pattern, match);
    }
    const problem = problemOf(data, matcher);
    if (!problem) this.looping = undefined;
    return problem;
  }

  problems() {
    return [...this.listed.values()].flat();
  }
}

const request = JSON.parse(readFileSync(0, "utf8"));
const wanted = request.task.problemMatcher ?? [];
const matchers = (Array.isArray(wanted) ? wanted : [wanted]).map((each) => readMatcher(each, request.workspace));
const collector = new Collector(matchers);
const lines = request.output.split("\n");
if (lines.at(-1) === "") lines.pop();
for (const line of lines) collector.feed(line.replace(CONTROL, ""));
collector.deliver();
if (request.exits) {
  for (const key of collector.stale) collector.listed.delete(key);
}
const named = (problem) => {
  const inside = relative(request.workspace, problem.path);
  return { ...problem, path: undefined, file: isAbsolute(inside) ? problem.path : inside };
};
console.log(JSON.stringify({
  ended: collector.ended.map((list) => list.map(named)),
  problems: collector.problems().map(named),
}));
