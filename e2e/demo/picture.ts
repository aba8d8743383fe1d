import { readFileSync, writeFileSync } from 'node:fs'
import { describeError, WeftError } from '../../core/errors.ts'
import { parseFlags, required } from '../../core/flags.ts'
import type { DemoReport } from './report.ts'

const HELP = `Usage: node e2e/demo/picture.ts --from FILE --out FILE.svg

Draws what \`npm run demo -- --once --json\` printed as a moving picture of a terminal, for README. Its lines come one
after the other, faster than the steps took.

  --from FILE     the JSON
  --out FILE.svg  the picture
  --help          this text
`

const WIDTH = 880
const LINE = 19
const LEFT = 22
const COLUMN = 116
/** Characters of what was seen in one line. */
const WRAP = 84
/** Seconds: between two steps, and for which the last picture stands. */
const PACE = 1.1
const STANDS = 7

/** A picture of 880 wide that goes on for ever; where no motion is wanted, all of it at once. */
export function demoPicture({ steps, seconds, ok }: DemoReport): string {
  const lines: { y: number; at: number; svg: string }[] = []
  let y = 62
  const add = (at: number, svg: string): void => {
    lines.push({ y, at, svg })
    y += LINE
  }
  add(0, `${text(LEFT, '$', 'dim')}${text(LEFT + 16, 'npm run demo -- --once')}`)
  y += 6
  steps.forEach((step, at) => {
    const [first = '', ...more] = wrapped(step.observed)
    const mark = step.ok ? text(LEFT, '✓', 'good') : text(LEFT, '✗', 'bad')
    const time = 0.8 + at * PACE
    add(time, `${mark}${text(LEFT + 20, step.name, 'name')}${text(COLUMN, first)}`)
    for (const line of more) add(time, text(COLUMN, line))
  })
  y += 6
  const passed = steps.filter((step) => step.ok).length
  const end = 0.8 + steps.length * PACE
  const sum = `${passed} of ${steps.length} steps as expected, ${seconds.toFixed(0)} s with the start`
  add(end, text(LEFT, sum, ok ? 'good' : 'bad'))
  const total = end + STANDS
  const height = y + 6
  const frames = lines.map(({ at }, index) => {
    const share = (100 * at) / total
    return `@keyframes l${index}{0%,${share.toFixed(2)}%{opacity:0}${(share + 1).toFixed(2)}%,100%{opacity:1}}`
  })
  const groups = lines.map(
    ({ y: top, svg }, index) =>
      `<g transform="translate(0 ${top})" style="animation-name:l${index}">${svg}</g>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="npm run demo -- --once: ${passed} of ${steps.length} steps as expected">
<style>
text{font:13.5px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d6deeb;white-space:pre}
.dim{fill:#7d8ca3}.good{fill:#7fd88f}.bad{fill:#ff7b72}.name{fill:#82aaff;font-weight:600}
g{animation-duration:${total.toFixed(1)}s;animation-iteration-count:infinite;animation-timing-function:linear}
@media (prefers-reduced-motion:reduce){g{animation:none}}
${frames.join('\n')}
</style>
<rect width="${WIDTH}" height="${height}" rx="10" fill="#0f1724"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
${groups.join('\n')}
</svg>
`
}

function text(x: number, content: string, style = ''): string {
  const escaped = content.replace(
    /[&<>]/g,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? '',
  )
  return `<text x="${x}"${style === '' ? '' : ` class="${style}"`}>${escaped}</text>`
}

function wrapped(words: string): string[] {
  const lines = ['']
  for (const word of words.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > WRAP) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

function main(argv: readonly string[]): number {
  try {
    const options = { from: { type: 'string' }, out: { type: 'string' }, help: { type: 'boolean' } } as const
    const { values } = parseFlags({ args: [...argv], options })
    if (values.help) {
      process.stdout.write(HELP)
      return 0
    }
    const from = required('--from', values.from)
    writeFileSync(required('--out', values.out), demoPicture(readReport(from)))
    return 0
  } catch (error) {
    process.stderr.write(`picture: ${describeError(error)} (--help says how)\n`)
    return 2
  }
}

function readReport(path: string): DemoReport {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as DemoReport
    if (Array.isArray(report.steps)) return report
  } catch (cause) {
    throw new WeftError('demo.picture', describeError(cause), { field: path, cause })
  }
  throw new WeftError('demo.picture', 'is not what `npm run demo -- --once --json` prints', { field: path })
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
