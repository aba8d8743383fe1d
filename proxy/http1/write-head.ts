import type { Fields } from '../http/message.ts'

// Nothing that came by another protocol may end a line here (RFC 9112 section 11.1).
const FORBIDDEN = /[\0\r\n]/

/** `name: value` lines; undefined: a name or value would break out of its line. */
export function fieldLines(fields: Fields): string | undefined {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string
    const value = fields[i + 1] as string
    if (FORBIDDEN.test(value) || FORBIDDEN.test(name)) return undefined
    text += name + ': ' + value + '\r\n'
  }
  return text
}

export function isSafe(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f) return false
  }
  return true
}

const REASONS: Record<number, string> = {
  100: 'Continue',
  101: 'Switching Protocols',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
}

const LINES = new Map<number, string>()

export function statusLine(status: number): string {
  let line = LINES.get(status)
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\n`
    LINES.set(status, line)
  }
  return line
}

/** `content-length` of a field list as a number, or -1. */
export function lengthOf(fields: Fields): number {
  for (let i = 0; i < fields.length; i += 2) if (fields[i] === 'content-length') return Number(fields[i + 1])
  return -1
}
