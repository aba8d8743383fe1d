import { stringify } from 'yaml'
import type { Problem } from '../../core/problem.ts'
import type { MigratedObject } from './migrate-objects.ts'

/** Quoted as kubectl reads it: to YAML 1.1 a plain `off` is false. */
const STYLE = { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false, version: '1.1' } as const

/** YAML: what each object became, below what is to be said of it. */
export function yamlOf(migrated: readonly MigratedObject[]): string {
  const parts: string[] = []
  let pending: string[] = []
  for (const { object, manifests, notes } of migrated) {
    const said = notes.map((note) => comment(note))
    const of = `${object.kind} ${[object.namespace, object.name].filter((part) => part !== '').join('/')}`
    if (said.length > 0) pending.push(`# ${oneLine(of)}`, ...said)
    for (const manifest of manifests) {
      parts.push(pending.map((line) => `${line}\n`).join('') + stringify(manifest, STYLE))
      pending = []
    }
  }
  const text = parts.join('---\n')
  return text + pending.map((line) => `${line}\n`).join('')
}

function comment({ field, message, remedy, severity }: Problem): string {
  const word = severity === 'error' ? 'lost' : 'changed'
  return `# ${word}: ${oneLine([field, `${message}; ${remedy}`].filter((part) => part !== '').join(': '))}`
}

/** Names and values come from the input: none may end the comment. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}

/** The object that --json prints. */
export function jsonOf(migrated: readonly MigratedObject[], notes: readonly Problem[]): string {
  const manifests = migrated.flatMap((one) => one.manifests)
  const complete = notes.every(({ severity }) => severity !== 'error')
  return `${JSON.stringify({ complete, manifests, notes }, undefined, 2)}\n`
}
