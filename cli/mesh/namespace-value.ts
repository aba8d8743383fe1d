import { WeftError } from '../../core/errors.ts'

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/** The value of --namespace, or of another flag. Throws WeftError `cli.flags` for what is no name of one. */
export function namespaceValue<T extends string | undefined>(text: T, field = '--namespace'): T {
  if (text === undefined || DNS_LABEL.test(text)) return text
  throw new WeftError('cli.flags', `"${text}" is no name of a namespace`, { field })
}

/** The value of --namespace; undefined with --all-namespaces or without either. Throws WeftError `cli.flags` for both. */
export function namespaceOf(values: {
  readonly namespace: string | undefined
  readonly 'all-namespaces': boolean
}): string | undefined {
  if (values['all-namespaces'] && values.namespace !== undefined)
    throw new WeftError('cli.flags', 'goes without --namespace', { field: '--all-namespaces' })
  return namespaceValue(values.namespace)
}
