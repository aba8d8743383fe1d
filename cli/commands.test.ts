import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { CommandDescription } from '../core/command-line/description.ts'
import { helpText } from '../core/command-line/help.ts'
import packageJson from '../package.json' with { type: 'json' }
import { COMMANDS, describeWeft } from './commands.ts'
import { CLI_PAGE, cliPage } from './reference/cli-page.ts'

const weft = (...argv: readonly string[]) =>
  new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    const args = [join(import.meta.dirname, 'weft.ts'), ...argv]
    const env = { ...process.env, KUBECONFIG: '', HOME: '/nonexistent' }
    execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
  })

const all = (command: CommandDescription): readonly CommandDescription[] => [
  command,
  ...(command.subcommands ?? []).flatMap(all),
]

t.test('an output that nobody reads to its end is no error', async (t) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'weft.ts'), 'version', '--client'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  child.stdout.destroy()
  await once(child, 'close')
  t.equal(said, '')
  t.equal(child.exitCode, 128 + constants.signals.SIGPIPE)
})

t.test('each command is described under its name, and prints that', async (t) => {
  const root = await describeWeft()
  t.strictSame(
    root.subcommands?.map(({ name }) => name),
    COMMANDS.map(({ name }) => name),
  )
  for (const command of all(root)) {
    const { name, flags } = command
    const shorts = Object.values(flags).flatMap(({ short }) => short ?? [])
    t.equal(new Set(['h', ...shorts]).size, 1 + shorts.length, `${name}: each letter stands for one flag`)
    for (const line of helpText(command, 'weft').split('\n')) t.ok(line.length <= 120, `${name}: ${line}`)
    for (const [flag, { help }] of Object.entries(flags)) t.ok(help.length > 0, `${name} --${flag}`)
  }
  for (const [argv, expected] of [
    [['--help'], root],
    [['-h'], root],
    [['help'], root],
    [['proxy', '-h'], undefined],
    [['help', 'local', 'exec'], undefined],
    [['local', 'exec', '--wrong', '--help'], undefined],
  ] as const) {
    const name = argv.filter((word) => /^[a-z]/.test(word) && word !== 'help').join(' ')
    const command = expected ?? all(root).find((one) => one.name === name)
    t.ok(command, argv.join(' '))
    const { code, stdout } = await weft(...argv)
    t.strictSame(
      { code, stdout },
      { code: 0, stdout: command ? helpText(command, 'weft') : '' },
      argv.join(' '),
    )
  }
})

t.test('what is typed wrongly is told in one line, with exit code 2', async (t) => {
  for (const [argv, line] of [
    [['porxy'], 'weft: there is no command "porxy"; did you mean proxy?'],
    [['--versoin'], 'weft: unknown flag --versoin; did you mean --version?'],
    [['help', 'chekc'], 'weft: there is no command "chekc"; did you mean check?'],
    [['local', 'stauts'], 'weft local: there is no command "stauts"; did you mean status?'],
    [['local', 'up', '--exposee', 'a'], 'weft local up: unknown flag --exposee; did you mean --expose?'],
    [['local', 'logs'], 'weft local logs: POD: is required (weft local logs --help lists the flags)'],
    [['completion', 'fihs'], 'weft completion: SHELL: "fihs" must be bash, zsh or fish; did you mean fish?'],
    [['check', '--pree'], 'weft check: unknown flag --pree; did you mean --pre?'],
  ] as const)
    t.strictSame(await weft(...argv), { code: 2, stdout: '', stderr: `${line}\n` }, argv.join(' '))
  t.match(await weft(), { code: 2, stdout: /^Usage: weft COMMAND/ })
})

t.test('the version of this program', async (t) => {
  const line = `weft ${packageJson.version} (Node.js ${process.version}, ${process.platform} ${process.arch})\n`
  t.strictSame(await weft('--version'), { code: 0, stdout: line, stderr: '' })
  t.strictSame(await weft('version', '--client'), { code: 0, stdout: line, stderr: '' })
  const alone = await weft('version', '--json', '--state-dir', t.testdirName)
  t.strictSame(JSON.parse(alone.stdout), {
    client: {
      version: packageJson.version,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
    },
  })
  const nowhere = await weft('version', '--kubeconfig', join(t.testdirName, 'none'))
  t.match(nowhere, { code: 1, stdout: line, stderr: /^weft version: .*none: is no kubeconfig/ })
})

t.test('the page has what --help says', async (t) => {
  t.equal(readFileSync(CLI_PAGE, 'utf8'), await cliPage(), 'node cli/reference/cli-page.ts writes it')
})
