/** The one style sheet. Colours are variables: a light set, a dark one, and black on white in print. */
export const style = `
:root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#e3e5e8;--accent:#2457c5;
--accent-soft:#dbe6ff;--ran:#2f6fde;--critical:#12306f;--cached:#b9c1cc;--bad:#b3261e;--bad-soft:#fde7e5;--good:#1a7f37;
--good-soft:#e2f5e7;--t0:#3d6fb6;--t1:#6a5aa8;--t2:#a0567f;--t3:#a8652c;--t4:#6f7c2a;--t5:#2f7f6d;--t6:#4a6b8a;--t7:#85604a}
@media (prefers-color-scheme:dark){:root{--bg:#101317;--card:#171b21;--ink:#e6e9ed;--soft:#9aa4b0;--line:#2a3038;
--accent:#8fb3ff;--accent-soft:#1e2d4d;--ran:#5b8def;--critical:#b9d0ff;--cached:#48515d;--bad:#ff9a92;--bad-soft:#3b1a18;
--good:#7bd88f;--good-soft:#15301d;--t0:#2f5c9c;--t1:#5a4b96;--t2:#88476b;--t3:#8d5423;--t4:#5c6722;--t5:#266a5b;--t6:#3c5872;--t7:#6e4f3d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums}
.wrap{max-width:1120px;margin:0 auto;padding:0 24px}
.skip{position:absolute;left:-999px}.skip:focus{left:24px;top:8px;background:var(--card);padding:6px 12px;z-index:1}
header.top{padding:36px 0 20px}
h1{font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.015em;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:17px;font-weight:650;letter-spacing:-.005em;margin:0 0 4px}
h3{font-size:14px;font-weight:600;margin:20px 0 6px}
p{margin:0 0 10px;max-width:72ch}
.lead,.note{color:var(--soft)}.note{font-size:13.5px}
section{padding:26px 0 8px;border-top:1px solid var(--line);margin-top:22px}
nav ul{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:14px 0 0;padding:0;font-size:14px}
a{color:var(--accent);text-underline-offset:2px}
a:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
code,.mono{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.87em;overflow-wrap:anywhere}
.badge{display:inline-block;border-radius:999px;padding:1px 10px;font-size:13px;font-weight:600;vertical-align:2px;background:var(--accent-soft);color:var(--accent)}
.badge.good{background:var(--good-soft);color:var(--good)}.badge.bad{background:var(--bad-soft);color:var(--bad)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0 0}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}
.facts dt{font-size:12.5px;color:var(--soft);margin:0}.facts dd{margin:0;font-size:20px;font-weight:620;letter-spacing:-.01em}
.facts small{display:block;font-size:12.5px;font-weight:400;color:var(--soft);letter-spacing:0}
.meta{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:16px 0 0;font-size:14px}
.meta dt{color:var(--soft)}.meta dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:10px 0 0}
table{border-collapse:collapse;width:100%;font-size:14px}
caption{text-align:left;color:var(--soft);font-size:13.5px;padding:0 0 8px}
th,td{text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;font-size:13px;color:var(--soft);white-space:nowrap}
td.num,th.num{text-align:right}td.num{white-space:nowrap}
tbody th{font-weight:500;color:var(--ink);font-size:14px;white-space:normal}
th button{all:unset;cursor:pointer;font:inherit;color:inherit;position:relative}th button:hover{text-decoration:underline}
th button::after{position:absolute;left:100%;padding-left:2px}
th[aria-sort=ascending] button::after{content:"\\2191"}th[aria-sort=descending] button::after{content:"\\2193"}
.steps td,.steps th{padding:5px 12px 5px 0}
.steps tr.stage th{padding-top:18px;color:var(--ink);font-size:13.5px;font-weight:650;border-bottom-color:var(--soft)}
.steps .what{width:48%}.steps .when{width:38%}.steps td.when{padding-top:9px}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.steps .cause{display:block;font-size:12.8px;color:var(--soft);overflow-wrap:anywhere}
.bar{display:block;width:100%;height:12px;border-radius:2px;overflow:visible}
.bar .bg{fill:var(--line);opacity:.5}.bar .ran{fill:var(--ran)}.bar .cached{fill:var(--cached)}.bar .failed{fill:var(--bad)}.bar .critical{fill:var(--critical)}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:6px 0 0;padding:0;font-size:13px;color:var(--soft)}
.key svg{width:12px;height:12px;margin-right:6px;vertical-align:-1px}.key .ran{fill:var(--ran)}.key .cached{fill:var(--cached)}.key .failed{fill:var(--bad)}.key .critical{fill:var(--critical)}
td>.bad-text,td>.good-text{white-space:nowrap}td.num>span{white-space:nowrap}.bad-text{color:var(--bad);font-weight:600}.good-text{color:var(--good)}.soft{color:var(--soft)}
figure{margin:12px 0 0}figcaption{font-size:13.5px;color:var(--soft);margin-top:8px}
.map{display:block;width:100%;height:420px;background:var(--line);border-radius:8px}
.map text{font-size:12px;fill:#fff}.map .sub{opacity:.85}.map .cell{stroke:var(--bg);stroke-width:1.5}
.plot{display:block;width:100%;height:340px;overflow:visible}.plot line{stroke:var(--line)}.plot text{font-size:12px;fill:var(--soft)}
.plot circle{fill:var(--ran);fill-opacity:.8;stroke:var(--card);stroke-width:1.5}.plot circle.base{fill:var(--critical)}.plot circle.bad{fill:var(--bad)}
.plot .label{fill:var(--ink)}
details{margin:8px 0 0;border:1px solid var(--line);border-radius:8px;background:var(--card)}
summary{cursor:pointer;padding:8px 14px;font-size:14px}details>.body{padding:0 14px 12px}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bad-soft);border-radius:8px;padding:12px 14px;font-size:13px;margin:10px 0}
.plus{color:var(--good)}.minus{color:var(--bad)}
footer{color:var(--soft);font-size:13px;padding:30px 0 50px}
.t0{fill:var(--t0)}.t1{fill:var(--t1)}.t2{fill:var(--t2)}.t3{fill:var(--t3)}.t4{fill:var(--t4)}.t5{fill:var(--t5)}.t6{fill:var(--t6)}.t7{fill:var(--t7)}
@media (max-width:700px){.wrap{padding:0 16px}h1{font-size:22px}.steps thead{position:absolute;left:-9999px}
.steps,.steps tbody,.steps tr{display:block}.steps td,.steps th{display:block;border:0;padding:0;width:auto!important}
.steps tr{padding:9px 0;border-bottom:1px solid var(--line);display:grid;grid-template-columns:1fr max-content;gap:3px 12px}
.steps tr.stage{display:block;padding-top:18px}.steps .what{grid-column:1}.steps .took{grid-column:2;grid-row:1}.steps .when{grid-column:1/3;padding-top:2px}
.scroll table{min-width:620px}.meta{grid-template-columns:1fr;gap:0}.meta dd{margin-bottom:6px}.map{height:520px}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#ccc;--ran:#2f6fde;--critical:#12306f;--cached:#b9c1cc;--bad:#b3261e}
body{font-size:10.5pt}nav,.skip,.live{display:none}.wrap{max-width:none;padding:0}section{break-inside:auto}tr,figure,.facts div{break-inside:avoid}
details::details-content{content-visibility:visible;block-size:auto}svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
@media (prefers-reduced-motion:no-preference){.live .dot{animation:pulse 1.6s infinite}}@keyframes pulse{50%{opacity:.3}}
.live .dot{display:inline-block;width:8px;height:8px;border-radius:50%;background:var(--good);margin-right:8px}
`;
