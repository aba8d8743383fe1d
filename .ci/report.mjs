// How `.ci/run` shows a test run (a reporter of tap): a line a file, what was skipped and why, and every failure once
// more at the end, whole: a log may be cut, and its end is what people read.
import { Transform } from 'node:stream'

const SUBTEST = /^( *)# Subtest: (.*)$/
const POINT = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (?:(SKIP|TODO)\b ?(.*)|time=([\d.]+)ms.*|(.*)))?$/i

export default class Report extends Transform {
  #rest = ''
  /** Names of the subtests that the present line is in; an index is four spaces. */
  #path = []
  /** @type {{ path: string, text: string[] }[]} */
  #failures = []
  /** The failure whose diagnostics are being read, and its indentation. */
  #open
  #indent = ''

  _transform(chunk, _encoding, done) {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    done()
  }

  _flush(done) {
    if (this.#failures.length > 0) this.#say(`\n${this.#failures.length} failed:`)
    for (const { path, text } of this.#failures) this.#say([`\n${path}`, ...text].join('\n'))
    done()
  }

  #line(line) {
    if (this.#open && this.#diagnostic(line)) return
    const subtest = SUBTEST.exec(line)
    if (subtest) {
      const depth = subtest[1].length / 4
      this.#path.length = depth
      this.#path[depth] = subtest[2]
      return
    }
    const point = POINT.exec(line)
    if (point) return this.#point(point)
    if (/^(# |Bail out!)/.test(line)) this.#say(line)
  }

  #point([, indent, failed, name = '', directive, reason, time, other]) {
    const depth = indent.length / 4
    this.#path.length = depth
    const path = [...this.#path, name].join(' > ')
    if (directive) this.#say(`${directive.toLowerCase()}: ${path}: ${reason || 'no reason given'}`)
    else if (failed) {
      this.#indent = indent
      const inner = this.#failures.some((one) => one.path.startsWith(`${path} > `))
      // A test of which a part failed says nothing more.
      this.#open = inner ? { path, text: [] } : { path, text: other ? [other] : [] }
      if (!inner) this.#failures.push(this.#open)
    }
    if (depth === 0) this.#say(`${failed ? 'not ok' : 'ok'} ${name}${time ? ` ${Math.round(time)} ms` : ''}`)
  }

  #say(line) {
    this.push(`${line}\n`)
  }

  /** Whether the line belongs to the failure before it. */
  #diagnostic(line) {
    const own = line.startsWith(`${this.#indent}  `) && !line.startsWith(`${this.#indent}    # Subtest`)
    if (!own || line.startsWith(`${this.#indent}  ...`)) {
      this.#open = undefined
      return own
    }
    this.#open.text.push(line.slice(this.#indent.length))
    return true
  }
}
