import { parseAllDocuments } from 'yaml'

/** An object of Kubernetes as the chart renders it; tests know which fields are there. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Rendered = any

/** All objects of a YAML text. Throws for what is no YAML or says a key twice. */
export function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = [...document.errors, ...document.warnings]
    if (error) throw error
    return document.toJS() as Rendered
  })
}

export function objectOf(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}
