"""The style sheet of the report: system fonts, light and dark, wide and narrow; it loads nothing."""

from dashboards.theme import FONT_FAMILY

PAGE_CSS = f"""
:root {{
  --ground: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de; --alarm: #b3261e;
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --ground: #12161b; --card: #1c2229; --ink: #e8ecf0; --soft: #a5afba; --line: #39424d; --alarm: #c62f26; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 {FONT_FAMILY}; }}
main {{ max-width: 1240px; margin: 0 auto; padding: 24px 20px 48px; }}
h1 {{ font-size: 1.7rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.2rem; margin: 36px 0 10px; }}
.lead {{ color: var(--soft); margin: 0 0 16px; }}
.banner {{
  background: var(--alarm); color: #ffffff; font-weight: 600; padding: 12px 16px; border-radius: 8px; margin: 16px 0;
}}
.facts {{
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); gap: 14px 24px; margin: 0;
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px;
}}
.facts dt {{ color: var(--soft); font-size: 0.8rem; }}
.facts dd {{ margin: 0; overflow-wrap: anywhere; }}
details {{ margin: 0 0 12px; }}
summary {{ cursor: pointer; padding: 4px 0; }}
.scroll {{
  overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 0 0 12px;
}}
table {{ border-collapse: collapse; width: 100%; font-size: 0.9rem; }}
caption {{ text-align: left; color: var(--soft); padding: 10px 12px 6px; }}
caption span {{ display: inline-block; position: sticky; left: 12px; max-width: calc(100vw - 48px); }}
.numbers th:first-child {{ position: sticky; left: 0; background: var(--card); }}
th, td {{ padding: 6px 12px; border-top: 1px solid var(--line); vertical-align: top; }}
th {{ font-weight: 600; text-align: left; }}
.numbers td, .numbers tbody th {{ white-space: nowrap; }}
.numbers thead th {{ vertical-align: bottom; min-width: 5.2em; }}
.numbers td, .numbers thead th:not(:first-child) {{ text-align: right; font-variant-numeric: tabular-nums; }}
.texts td {{ text-align: left; overflow-wrap: anywhere; white-space: pre-wrap; min-width: 5.5em; }}
.texts td:last-child {{ min-width: 16em; }}
figure {{
  margin: 0 0 16px; background: #ffffff; color: #1b1f24; border: 1px solid var(--line); border-radius: 8px;
  padding: 8px;
}}
.plot {{ overflow-x: auto; overflow-y: hidden; }}
figcaption {{ color: #57606a; font-size: 0.9rem; padding: 4px 8px; overflow-wrap: anywhere; }}
.narrow-only {{ display: none; }}
@media (max-width: 760px) {{
  main {{ padding: 16px 10px 32px; }}
  th, td {{ padding: 6px 8px; }}
  figure {{ padding: 4px; }}
  .wide-only {{ display: none; }}
  .narrow-only {{ display: block; }}
}}
"""
