/**
 * How the page looks: on screens of any width, in light and in dark, and on paper.
 */

export const style = `
:root { color-scheme: light dark;
  --page: #f7f7f5; --surface: #ffffff; --text: #1d2125; --muted: #5a636d; --line: #dcdfe3; --soft: #eef0f2; --frame: #b4bcc4; --accent: #1b5fa8;
  --good: #1b7a48; --busy: #8a5a00; --bad: #b3271e; --good-soft: #e9f4ed; --busy-soft: #fbf3e2; --bad-soft: #fbebe9;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media (prefers-color-scheme: dark) { :root {
  --page: #121518; --surface: #1a1e22; --text: #e4e7ea; --muted: #9ba5af; --line: #31373e; --soft: #23282e; --frame: #56606b; --accent: #82b4f2;
  --good: #62cf95; --busy: #e3b552; --bad: #ff8f86; --good-soft: #16281f; --busy-soft: #2b2414; --bad-soft: #331b1a; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) {
  html { scroll-behavior: auto; }
}
body { margin: 0; background: var(--page); color: var(--text); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue",
  "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
p, ul, ol, dl, h1, h2, h3, h4 { margin: 0; }
ul, ol { padding: 0; list-style: none; }
a { color: var(--accent); text-underline-offset: .15em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
[tabindex="-1"]:focus { outline: none; }
code, .address, .version { font-family: var(--mono); font-size: .875em; }
.muted { color: var(--muted); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.shapes { position: absolute; }
.skip { position: absolute; left: 1rem; top: -4rem; z-index: 2; padding: .5rem 1rem; background: var(--surface); border: 1px solid var(--line);
  border-radius: 6px; }
.skip:focus { top: .75rem; }
.inner, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1.5rem; }

header { background: var(--surface); border-bottom: 1px solid var(--line); padding: 2rem 0 0; }
.kind { color: var(--muted); font-size: .75rem; font-weight: 600; letter-spacing: .09em; text-transform: uppercase; }
.heading { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center; }
h1 { font-size: 2rem; line-height: 1.2; letter-spacing: -.015em; }
header .facts { margin-top: .4rem; color: var(--muted); }
nav { margin-top: 1.25rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
nav a { display: inline-block; padding: .5rem 0; color: var(--text); text-decoration: none; font-size: .9375rem; font-weight: 500; border-bottom: 2px
  solid transparent; }
nav a:hover { border-bottom-color: var(--accent); }

.part { margin: 3rem 0; scroll-margin-top: 1rem; }
h2 { font-size: 1.375rem; line-height: 1.3; letter-spacing: -.01em; margin-bottom: 1rem; }
h3 { font-size: 1.0625rem; line-height: 1.4; }
h4 { font-size: .9375rem; font-weight: 600; }
.database + .database { margin-top: 2.5rem; }
.place { font-size: .875rem; }
.counts { margin: .75rem 0; }
footer { padding-top: 1.5rem; padding-bottom: 3rem; color: var(--muted); font-size: .875rem; }
footer p { border-top: 1px solid var(--line); padding-top: 1rem; }

.mark { flex: none; vertical-align: -2px; }
.is-good { --state: var(--good); --state-soft: var(--good-soft); }
.is-busy { --state: var(--busy); --state-soft: var(--busy-soft); }
.is-bad { --state: var(--bad); --state-soft: var(--bad-soft); }
.is-off, .is-none, .is-unknown, .is-next, .is-base, .is-plain { --state: var(--muted); --state-soft: var(--soft); }
.mark { color: var(--state); }
.badge { display: inline-flex; gap: .4rem; align-items: center; padding: .1rem .6rem .1rem .4rem; border-radius: 1rem; background: var(--state-soft);
  color: var(--state); font-size: .8125rem; font-weight: 600; white-space: nowrap; }

.note { display: flex; gap: .75rem; margin: 1rem 0; padding: .875rem 1rem; background: var(--state-soft); border-left: 3px solid var(--state);
  border-radius: 0 8px 8px 0; }
.note > .mark { margin-top: .25rem; }
.note > :last-child { min-width: 0; }
.note h2 { font-size: 1rem; margin: 0; }
.note ul { margin: .25rem 0 .5rem; padding-left: 1.1rem; list-style: disc; }
section.note { margin-top: 2rem; }
.hint { color: var(--muted); }
.hint, .told { white-space: pre-line; }
pre { margin: .5rem 0; padding: .625rem .75rem; overflow-x: auto; background: var(--surface); border-radius: 6px; font: .8125rem/1.5 var(--mono); }

.picture { overflow-x: auto; margin: 1rem 0 .5rem; padding: 1.25rem; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; }
.picture svg { display: block; margin: 0 auto; }
.legend { color: var(--muted); font-size: .8125rem; margin-bottom: 1.5rem; }
.box { text-decoration: none; }
.box .frame { fill: var(--surface); stroke: var(--frame); stroke-width: 1.25; }
.box:hover .frame { stroke: var(--accent); }
.box:focus-visible { outline: none; }
.box:focus-visible .frame { stroke: var(--accent); stroke-width: 3; }
.box .stripe { fill: var(--state); }
.box .name { fill: var(--text); font-size: 14px; font-weight: 600; }
.box .line { fill: var(--muted); font-size: 12px; }
.is-none .frame, .is-off .frame { stroke-dasharray: 5 3; }
.edge { fill: none; stroke: var(--muted); stroke-width: 1.25; opacity: .75; }
.head { fill: var(--muted); }

.cards { margin-top: 1rem; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.cards > li { display: grid; }
.card, .table { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; scroll-margin-top: 1rem; }
.card { display: grid; grid-template-columns: 1fr auto; gap: .25rem .75rem; align-content: start; padding: 1rem 1.125rem; }
.card > :not(h3, .state) { grid-column: 1 / -1; }
.card:target, .inside:target { box-shadow: 0 0 0 2px var(--accent); border-radius: 10px; }
.card dl { margin-top: .5rem; font-size: .875rem; }
.card dl > div { display: grid; grid-template-columns: 6.25rem 1fr; gap: .5rem; padding: .125rem 0; }
dt { color: var(--muted); }
dd { margin: 0; min-width: 0; }
dd .address, .need { display: block; }
.reason { color: var(--muted); font-size: .875rem; }
.would { margin-top: .5rem; font-size: .875rem; }
.plain { font-size: .875rem; }
.others { margin-top: 1rem; font-size: .875rem; }
.card .plain { padding-left: 1.1rem; list-style: disc; }

.steps { margin: .75rem 0; background: var(--surface); border: 1px solid var(--line); border-radius: 10px; }
.steps > li { display: grid; grid-template-columns: 2.5rem minmax(11rem, 3fr) 5fr 7.5rem; gap: .125rem 1rem; padding: .625rem 1rem; font-size:
  .9375rem; }
.steps > li + li { border-top: 1px solid var(--line); }
.number { color: var(--muted); font-variant-numeric: tabular-nums; }
.changes { margin-top: .25rem; font-size: .9375em; }
.changes li { padding: .0625rem 0; }

.days > li { margin-top: 1.25rem; }
.day { color: var(--muted); font-size: .8125rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.line { margin-top: .25rem; }
.line > li { position: relative; display: grid; grid-template-columns: 1rem minmax(0, 1fr) 6rem minmax(0, 15rem) 9.5rem; gap: 0 1rem; align-items:
  baseline; padding: .3125rem 0; font-size: .9375rem; }
.line > li::before { content: ""; position: absolute; left: 7px; top: 0; bottom: 0; width: 2px; background: var(--line); }
.line > li:first-child::before { top: .9rem; }
.line > li:last-child::before { bottom: auto; height: .9rem; }
.line > li:only-child::before { display: none; }
.dot { position: relative; background: var(--page); border-radius: 50%; height: 1.125rem; }
.dot .mark { vertical-align: -3px; }
.version { color: var(--muted); }
.notes { color: var(--state); font-size: .8125rem; }
.is-good .notes { color: var(--muted); }
.when, .took { color: var(--muted); font-size: .875rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
.who { font-size: .875rem; }
.took, .risk { text-align: right; }
.line .took { display: grid; grid-template-columns: auto 4.5rem; justify-content: end; align-items: center; }
.bar rect { fill: var(--soft); }
.bar .filled { fill: var(--accent); opacity: .75; }
.problem { grid-column: 2 / -1; margin: .25rem 0 .5rem; padding: .5rem .75rem; background: var(--bad-soft); border-radius: 6px; font-size: .875rem; }

.fold { margin: .75rem 0; }
.fold > summary { cursor: pointer; color: var(--accent); font-size: .9375rem; padding: .25rem 0; }
.tables { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1rem; align-items: start; margin-top: 1rem; }
.tables.is-many { gap: .5rem 1rem; }
.table.is-open { padding: .875rem 1rem; }
.table .fold { margin: 0; }
.table .fold > summary { color: inherit; padding: .5rem 1rem; }
.table .fold > summary h4 { display: inline; }
.table .fold .inside { padding: 0 1rem .875rem; }
.table h4 .muted { font-weight: 400; font-size: .8125rem; }
.table h4 .name .muted { font-size: inherit; }
.inside { position: relative; scroll-margin-top: 4rem; }
.facts { font-size: .8125rem; }
table { width: 100%; margin-top: .375rem; border-collapse: collapse; font-size: .8125rem; }
tbody th { font-weight: 500; }
th, td { text-align: left; vertical-align: baseline; padding: .25rem 0; border-top: 1px solid var(--soft); }
th { padding-right: .75rem; width: 45%; }
.default { display: block; }
.key { padding: 0 .25rem; border: 1px solid var(--line); border-radius: 3px; color: var(--muted); font-size: .6875rem; font-weight: 600;
  text-decoration: none; }
.keys { margin-top: .625rem; font-size: .8125rem; }
.table .plain { font-size: .8125rem; }

.runs { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; margin-bottom: .75rem; }
.runs > li { display: grid; grid-template-columns: minmax(0, 1fr) 9rem 11rem 6rem 6rem; gap: .125rem 1rem; align-items: baseline; padding: .625rem
  1rem; font-size: .9375rem; }
.runs > li + li { border-top: 1px solid var(--line); }
.runs .id { text-align: right; font-size: .875rem; }
.more { grid-column: 1 / -1; color: var(--muted); font-size: .875rem; }
.error { color: var(--text); padding-left: .75rem; border-left: 2px solid var(--bad); margin-top: .25rem; white-space: pre-wrap; }

@media screen and (max-width: 48rem) {
  .inner, main, footer { padding-left: 1rem; padding-right: 1rem; }
  h1 { font-size: 1.625rem; }
  .part { margin: 2.25rem 0; }
  .picture { padding: .75rem; }
  .picture svg { margin: 0; }
  .steps > li { grid-template-columns: 2rem 1fr; }
  .why, .risk { grid-column: 2; text-align: left; }
  .line > li { grid-template-columns: 1rem minmax(0, 1fr) auto; }
  .title { grid-column: 2 / -1; }
  .when { grid-column: 2; }
  .took { grid-column: 3; grid-row: 2; }
  .who { grid-column: 2 / -1; }
  .runs > li { grid-template-columns: minmax(0, 1fr) auto; }
  .runs .took, .runs .state { text-align: right; grid-row: auto; grid-column: auto; }
  .runs .when { grid-column: auto; }
  .runs .id { display: none; }
}

@media print {
  :root { color-scheme: light;
    --page: #fff; --surface: #fff; --text: #000; --muted: #444; --line: #bbb; --soft: #eee; --frame: #777; --accent: #000;
    --good: #14532d; --busy: #6b4500; --bad: #8f1d16; --good-soft: #fff; --busy-soft: #fff; --bad-soft: #fff; }
  body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav, .skip { display: none; }
  header { padding-top: 0; }
  .inner, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  a { text-decoration: none; }
  .part { margin: 1.5rem 0; }
  h2, h3, h4, .day, .place, .counts { break-after: avoid; }
  .line > li { grid-template-columns: 1rem minmax(0, 1fr) 4.5rem minmax(0, 12.5rem) 8.5rem; gap: 0 .5rem; padding: .125rem 0; font-size: .8125rem; }
  .days > li { margin-top: .625rem; }
  .line .when, .line .who, .line .took { font-size: .75rem; }
  .steps > li { grid-template-columns: 2rem 2fr 3fr 6.5rem; font-size: .875rem; }
  .runs > li { grid-template-columns: minmax(0, 1fr) 9.5rem 9.75rem 4rem 4.5rem; gap: .125rem .5rem; }
  .card, .steps > li, .line > li, .runs > li, tr, .note, .picture { break-inside: avoid; }
  .badge { border: 1px solid currentColor; }
  .picture { overflow: visible; border: 0; padding: 0; }
  .picture svg { max-width: 100%; height: auto; max-height: 22cm; }
  .cards, .tables { grid-template-columns: 1fr 1fr; }
  .table.is-open, .table { break-inside: avoid-page; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  .fold > summary { list-style: none; color: inherit; }
}
`
