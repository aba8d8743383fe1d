export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

/** Structured log of a component: one JSON object a line. Never give it a key, a token or a header value. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Logs lines at `level` and above to `write`, standard error unless said otherwise. */
export function createLogger(
  component: string,
  level: LogLevel = 'info',
  write: (line: string) => void = (line) => void process.stderr.write(line),
): Logger {
  const at = (own: LogLevel) => (message: string, fields?: LogFields) => {
    if (ORDER[own] < ORDER[level]) return
    write(
      JSON.stringify({ time: new Date().toISOString(), level: own, component, message, ...fields }) + '\n',
    )
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** For tests and embedding. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
