/** How the pages look that `--html` writes: light or dark as the reader has it. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --line: #ddd; --bad: #b00020; --warn: #8a5d00; --dim: #555 }
@media (prefers-color-scheme: dark) { :root { --line: #3a3a3a; --bad: #ff7b8e; --warn: #e3b341; --dim: #a0a0a0 } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
.blocking { color: var(--bad) } .warning { color: var(--warn) } .note, .dim { color: var(--dim) } code { font-size: .9em } summary { cursor: pointer; font-weight: 600; padding: .3rem 0 }`;
