import { runCommand } from '../node/run-command.ts'
import type { TerminalSize } from './exec-frames.ts'

/** The descriptor by which the command's terminal is named. */
export const TERMINAL_NAME_FD = 3

const NAME = /^\/dev\/pts\/\d+$/

/**
 * The command line that runs `argv` in a terminal of its own, by script(1) of util-linux: Node.js opens none. Its name
 * comes on descriptor 3; input, output and exit code are those of the command. `sane` because script takes the settings
 * of its own input, which is none.
 */
export function inTerminal(argv: readonly string[], size: TerminalSize): string[] {
  const command = [
    `tty >&${TERMINAL_NAME_FD}`,
    `exec ${TERMINAL_NAME_FD}>&-`,
    `stty sane ${settings(size).join(' ')}`,
    `exec ${argv.map(quote).join(' ')}`,
  ]
  return ['script', '--quiet', '--return', '--flush', '--command', command.join('; '), '/dev/null']
}

/** Gives a terminal another size; its foreground processes get SIGWINCH. A terminal that is gone has none. */
export async function resizeTerminal(name: string, size: TerminalSize): Promise<void> {
  if (NAME.test(name)) await runCommand(['stty', '-F', name, ...settings(size)]).catch(() => {})
}

function settings({ rows, columns }: TerminalSize): string[] {
  return ['rows', String(within(rows)), 'columns', String(within(columns))]
}

function within(size: number): number {
  return Math.min(Math.max(Math.trunc(size) || 1, 1), 9999)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
