import type { ObjectName, Problem } from '../problem.ts'
import { isCheckCode, type CheckCode } from './catalog.ts'

/** On any object: codes of findings that are left out there, a colon, and why. */
export const LINT_IGNORE = 'weft.dev/lint-ignore'

/** An object that may have the annotation. */
export interface Annotated extends ObjectName {
  readonly annotations: Readonly<Record<string, string>>
}

export interface Suppressed {
  readonly problem: Problem
  readonly reason: string
}

const FIELD = `metadata.annotations[${JSON.stringify(LINT_IGNORE)}]`

/**
 * Findings without those that their objects leave out, with what was left out and why, and a finding for each annotation that
 * says no reason, names a code that there is not, or hides nothing. The object itself is meant, not what it makes.
 */
export function withoutIgnored(
  problems: readonly Problem[],
  objects: Iterable<Annotated>,
): { readonly kept: readonly Problem[]; readonly suppressed: readonly Suppressed[] } {
  const ignored = new Map<string, { readonly codes: readonly CheckCode[]; readonly reason: string }>()
  const wrong: Problem[] = []
  const hidden = new Map<string, Set<CheckCode>>()
  const written: Annotated[] = []
  for (const object of objects) {
    const text = object.annotations[LINT_IGNORE]
    if (text === undefined) continue
    written.push(object)
    const read = readIgnore(text)
    if ('message' in read) wrong.push(findingOf(object, read.message))
    else ignored.set(keyOf(object), read)
  }
  const kept: Problem[] = []
  const suppressed: Suppressed[] = []
  for (const problem of problems) {
    const key = keyOf(problem)
    const own = ignored.get(key)
    if (own?.codes.includes(problem.code)) {
      suppressed.push({ problem, reason: own.reason })
      hidden.set(key, (hidden.get(key) ?? new Set()).add(problem.code))
    } else kept.push(problem)
  }
  for (const object of written) {
    const idle = ignored.get(keyOf(object))?.codes.filter((code) => !hidden.get(keyOf(object))?.has(code))
    if (idle?.length)
      wrong.push(findingOf(object, `leaves out ${idle.join(', ')}, of which nothing was found`))
  }
  return { kept: [...kept, ...wrong], suppressed }
}

function readIgnore(
  text: string,
): { readonly codes: readonly CheckCode[]; readonly reason: string } | { readonly message: string } {
  const [, listed = '', reason = ''] = /^([^:]*)(?::\s*(.*))?$/s.exec(text.trim()) ?? []
  const codes = listed.split(/[\s,]+/).filter((one) => one !== '')
  const unknown = codes.filter((code) => !isCheckCode(code))
  if (codes.length === 0) return { message: 'names no code' }
  if (unknown.length > 0) return { message: `names ${unknown.join(', ')}, which there is not` }
  if (reason === '') return { message: 'gives no reason' }
  return { codes: codes.filter(isCheckCode), reason }
}

function findingOf({ kind, namespace, name }: ObjectName, message: string): Problem {
  return {
    code: 'WEFT0008',
    file: null,
    line: null,
    column: null,
    kind,
    namespace,
    name,
    field: FIELD,
    severity: 'warning',
    message,
    remedy: 'write codes of docs/checks.md, a colon and why: "WEFT0205: the client names no port"',
  }
}

function keyOf({ kind, namespace, name }: ObjectName): string {
  return JSON.stringify([kind, namespace, name])
}
