import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runPolicy } from '../cli/policy/main.ts'
import { fencesOf, wordsOf } from './document-fences.ts'

const PROJECT = join(import.meta.dirname, '..')
const PAGE = readFileSync(join(PROJECT, 'docs/security.md'), 'utf8')

/** What `weft policy test` prints, and the verdict that its exit code says. */
async function decided(argv: readonly string[]): Promise<{ verdict: string; printed: string }> {
  const { log } = console
  const { write } = process.stdout
  let printed = ''
  console.log = (...words: unknown[]) => void (printed += `${words.join(' ')}\n`)
  process.stdout.write = (text: string | Uint8Array) => ((printed += String(text)), true)
  try {
    const code = await runPolicy(argv)
    return { verdict: code === 0 ? 'allowed' : code === 3 ? 'refused' : `exit code ${code}`, printed }
  } finally {
    console.log = log
    process.stdout.write = write
  }
}

t.test(
  'the examples of the page on security decide as the page says, each by the command there',
  async (t) => {
    const folder = t.testdir()
    const chapter = PAGE.split(/^## /m).find((part) => part.startsWith('From open to closed\n')) ?? ''
    const saved = new Set<string>()
    let count = 0
    for (const { language, text } of fencesOf(chapter)) {
      const lines = text.split('\n')
      if (language === 'yaml') {
        const name = /^# (\S+\.yaml)$/.exec(lines[0] ?? '')?.[1] ?? ''
        t.not(name, '', 'the first line names the file')
        saved.add(name)
        writeFileSync(join(folder, name), text)
        continue
      }
      t.equal(language, 'sh')
      for (let at = 0; at < lines.length; at += 2) {
        const [, expected = '', why = ''] = /^# (\w+): (.+)$/.exec(lines[at] ?? '') ?? []
        const [weft, policy, ...words] = wordsOf(lines[at + 1] ?? '')
        t.same([weft, policy, words[0]], ['weft', 'policy', 'test'])
        // As from the project's folder, where what is to be saved was saved.
        const argv = words.map((word) =>
          saved.has(word) ? join(folder, word) : word.replace(/^docs\//, `${PROJECT}/$&`),
        )
        const { verdict, printed } = await decided(argv)
        t.equal(verdict, expected, `${words.join(' ')}\n${printed}`)
        t.ok(printed.includes(why), `${words.join(' ')}\nsays ${why}\n${printed}`)
        count++
      }
    }
    t.same([...saved], ['strict.yaml', 'one-port.yaml', 'namespaces.yaml', 'closed.yaml'])
    t.equal(count, 14)
  },
)
