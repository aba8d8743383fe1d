import { WeftError } from '../../core/errors.ts'

/** A trace id as it is, or within a traceparent. Throws WeftError `cli.flags` of `field`. */
export function readTraceId(text: string, field: string): string {
  const id = /^(?:00-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(text.trim().toLowerCase())?.[1]
  if (id === undefined || /^0+$/.test(id))
    throw new WeftError('cli.flags', `"${text}" must be a reference or a trace id: 32 hexadecimal digits`, {
      field,
    })
  return id
}
