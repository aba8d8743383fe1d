import type { Fields } from '../../fields.ts'

/** Tells of a field that stands where another field makes no use of it. */
export function onlyWith(section: Fields, name: string, holds: boolean, condition: string): void {
  if (!holds && section.has(name)) section.problem(`is only for where ${condition}: take it out`, name)
}
