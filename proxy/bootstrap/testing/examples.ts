import { readFileSync } from 'node:fs'

/** The example of docs/bootstrap.md that begins with `# NAME`. Throws if there is none. */
export function example(name: string): string {
  const document = readFileSync(new URL('../../../docs/bootstrap.md', import.meta.url), 'utf8')
  const begin = `\`\`\`yaml\n# ${name}\n`
  const at = document.indexOf(begin)
  const end = document.indexOf('\n```', at)
  if (at < 0 || end < 0) throw new Error(`docs/bootstrap.md has no example ${name}`)
  return document.slice(at + begin.length, end + 1)
}

/** `text` with each key of `changes` replaced by its value, everywhere. Throws if one does not occur. */
export function replaced(text: string, changes: Readonly<Record<string, string>>): string {
  let result = text
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`"${from}" is not in the example`)
    result = result.replaceAll(from, to)
  }
  return result
}
