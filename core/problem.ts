import type { CheckCode } from './checks/catalog.ts'
import { shown } from './terminal-text.ts'

/**
 * One thing that somebody has to mend, as `weft local validate`, `up` and `status`, the REST interface and the dashboard
 * tell it. Plain JSON.
 */
export interface Problem {
  /** Which kind of mistake it is: docs/checks.md. */
  readonly code: CheckCode
  /** Full path; null where no file is known. */
  readonly file: string | null
  /** From 1; null where it is not known. */
  readonly line: number | null
  /** From 1; null where it is not known. */
  readonly column: number | null
  /** Of the object; '' where there is none. */
  readonly kind: string
  /** '' of objects that are in none. */
  readonly namespace: string
  readonly name: string
  /** `spec.rules[0].backendRefs[1].port`; '' for the whole object. */
  readonly field: string
  /** An error keeps what was written from being in force; a warning says what is not as its author may think; info is advice. */
  readonly severity: 'error' | 'warning' | 'info'
  readonly message: string
  /** Full path of another file, where the message names one. */
  readonly otherFile?: string
  /** What to do about it. */
  readonly remedy: string
  /** What becomes of requests meanwhile, in a sentence, where that is known. */
  readonly effect?: string
}

/** An object by its name. */
export interface ObjectName {
  readonly kind: string
  /** '' of objects that are in none. */
  readonly namespace: string
  readonly name: string
}

/** `shop.yaml:14:5: error: HTTPRoute shop/catalog: spec.rules[0].name: must be text; write it in quotes` */
export function formatProblem(problem: Problem, pathOf = (file: string): string => file): string {
  const said = `${messageOf(problem, pathOf)}; ${problem.remedy}`
  return shown([...placeOf(problem, pathOf), problem.severity, ...aboutOf(problem), said].join(': '))
}

/** What was mended: the same, without what there was to do. */
export function formatMended(problem: Problem, pathOf = (file: string): string => file): string {
  return shown(
    ['mended', ...placeOf(problem, pathOf), ...aboutOf(problem), messageOf(problem, pathOf)].join(': '),
  )
}

function messageOf({ message, otherFile }: Problem, pathOf: (file: string) => string): string {
  return otherFile === undefined ? message : message.replace(otherFile, () => pathOf(otherFile))
}

function placeOf({ file, line, column }: Problem, pathOf: (file: string) => string): string[] {
  return file === null ? [] : [[pathOf(file), line, column].filter((part) => part !== null).join(':')]
}

function aboutOf(problem: Problem): string[] {
  const { kind, namespace, name, field } = problem
  const object = [kind, [namespace, name].filter((part) => part !== '').join('/')]
  return [object.filter((part) => part !== '').join(' '), field].filter((part) => part !== '')
}

/** What tells one problem from another. Its line may move while somebody writes above it. */
export function problemKey({ file, kind, namespace, name, field, severity, message, line }: Problem): string {
  const place = kind === '' ? `${file}:${line}` : (file ?? '')
  return JSON.stringify([place, kind, namespace, name, field, severity, message])
}

const SEVERITIES = ['error', 'warning', 'info'] as const

/** Errors first, advice last, then by file and line. */
export function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = ({ severity }: Problem): number => SEVERITIES.indexOf(severity)
  return problems.toSorted(
    (a, b) =>
      rank(a) - rank(b) ||
      compare(a.file ?? '', b.file ?? '') ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0) ||
      compare(problemKey(a), problemKey(b)),
  )
}

/**
 * What several found, once: of one field of one object (or of one line, where no object is known) what the first said
 * stays, with what a later one knows of requests. Those about a whole object are told apart by their message.
 */
export function together(...lists: readonly (readonly Problem[])[]): Problem[] {
  const found = new Map<string, Problem>()
  for (const list of lists) {
    const own = new Map<string, Problem>()
    for (const problem of list) {
      const subject = subjectOf(problem)
      const known = found.get(subject)
      if (!known) own.set(problemKey(problem), problem)
      else if (known.effect === undefined && problem.effect !== undefined)
        found.set(subject, { ...known, effect: problem.effect })
    }
    for (const problem of own.values()) {
      const subject = subjectOf(problem)
      // One list may say several things of one field.
      found.set(found.has(subject) ? problemKey(problem) : subject, problem)
    }
  }
  return inOrder([...found.values()])
}

function subjectOf({ file, line, kind, namespace, name, field, message }: Problem): string {
  if (kind === '') return JSON.stringify([file, line, field])
  return JSON.stringify([kind, namespace, name, field, field === '' ? message : ''])
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
