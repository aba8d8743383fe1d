import { spawn } from 'node:child_process'

/** The program that opens a page in the browser of whoever sits here; undefined where nobody can see one. */
export function browserProgram(
  platform: NodeJS.Platform,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (platform === 'darwin') return 'open'
  // Without a display xdg-open would take a browser that wants the terminal.
  const sees = Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY'])
  return platform === 'linux' && sees ? 'xdg-open' : undefined
}

/** Opens a page where that is possible. That it is not needs no word: its address was printed. */
export function openInBrowser(address: string): void {
  const program = browserProgram(process.platform, process.env)
  if (program === undefined) return
  const child = spawn(program, [address], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
