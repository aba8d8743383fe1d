import { WeftError } from '../core/errors.ts'

/** One line of a version in CHANGELOG.md, under one of its heads. */
export interface Change {
  /** As Keep a Changelog has them, such as `Added`. */
  readonly kind: string
  /** One line of Markdown. */
  readonly text: string
}

export interface Section {
  /** `Unreleased`, or the version. */
  readonly name: string
  /** Markdown below the head of the version. */
  readonly text: string
  readonly changes: readonly Change[]
}

/**
 * What CHANGELOG.md says of a version; of one that it does not have, what is unreleased. Throws WeftError
 * `release.changelog` where it has neither.
 */
export function sectionOf(changelog: string, version: string): Section {
  const sections = changelog.split(/^## \[/m).slice(1)
  const found =
    sections.find((one) => one.startsWith(`${version}]`)) ??
    sections.find((one) => one.startsWith('Unreleased]'))
  if (found === undefined)
    throw new WeftError('release.changelog', `has neither [${version}] nor [Unreleased]`, {
      field: 'CHANGELOG.md',
    })
  const name = found.slice(0, found.indexOf(']'))
  const text = found.slice(found.indexOf('\n') + 1).trim()
  return { name, text, changes: changesOf(text) }
}

function changesOf(text: string): Change[] {
  return text
    .split(/^### /m)
    .slice(1)
    .flatMap((part) => {
      const [kind = '', ...rest] = part.split('\n')
      const items = rest.join('\n').split(/^- /m).slice(1)
      return items.map((item) => ({ kind: kind.trim(), text: item.trim().replaceAll(/\s*\n\s*/g, ' ') }))
    })
}
