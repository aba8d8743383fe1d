import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { describeWeft } from '../commands.ts'
import { manualPage, pageName } from '../reference/manual-page.ts'
import { bashCompletion } from './bash.ts'
import { completedCommands } from './completed-commands.ts'
import { fishCompletion } from './fish.ts'
import { zshCompletion } from './zsh.ts'

const weft = await describeWeft()
const commands = completedCommands(weft)
const lacks = (program: string) =>
  spawnSync(program, ['--version']).error ? `${program} is not installed` : false

/** A line that is completed at its end, and words that are then offered or not. */
const LINES: readonly (readonly [line: string, offered: readonly string[], not: readonly string[]])[] = [
  ['weft ', ['proxy', 'local', 'completion'], ['up']],
  ['weft pro', ['proxy', 'proxies'], ['local']],
  ['weft local ', ['up', 'exec', 'down'], ['proxy']],
  ['weft local up --e', ['--expose'], ['--image', '--pre']],
  ['weft proxy --access-log ', ['off', 'failed', 'all'], ['--check']],
  ['weft ca ', ['status', 'retire'], ['proxy']],
  ['weft check --', ['--pre', '--kubeconfig', '--help'], ['--expose']],
]

function holds(t: Test, complete: (line: string) => readonly string[]): void {
  for (const [line, offered, not] of LINES) {
    const words = complete(line)
    for (const word of offered) t.ok(words.includes(word), `${line}: ${word} is in ${words.join(' ')}`)
    for (const word of not) t.notOk(words.includes(word), `${line}: ${word} is not`)
  }
}

t.test('bash', { skip: lacks('bash') }, (t) => {
  const script = bashCompletion(commands)
  holds(t, (line) => {
    const words = line.split(' ')
    // compopt is for a completion that was asked for by the key.
    const run = `compopt() { :; }
${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_weft; printf '%s\\n' "\${COMPREPLY[@]}"`
    return execFileSync('bash', ['-c', run], { encoding: 'utf8' }).split('\n')
  })
  t.end()
})

t.test('fish', { skip: lacks('fish') }, (t) => {
  const home = t.testdir({ 'weft.fish': fishCompletion(commands) })
  holds(t, (line) => {
    const run = `source ${join(home, 'weft.fish')}; complete --do-complete '${line}'`
    const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home }
    const text = execFileSync('fish', ['--no-config', '-c', run], { encoding: 'utf8', env })
    return text.split('\n').map((one) => one.split('\t')[0] ?? '')
  })
  t.end()
})

t.test('zsh', { skip: lacks('zsh') }, (t) => {
  // Its own completion runs on a terminal only: what _arguments and _describe are given is looked at instead.
  const script = zshCompletion(commands)
  holds(t, (line) => {
    const words = line.split(' ').slice(1)
    const flagged = words.length > 1 && (words.at(-2) ?? '').startsWith('--') ? words.at(-2) : undefined
    const run = `
compdef() { :; }
_describe() { local name=$2; print -l -- \${\${(P)name}%%:*}; }
_arguments() {
  local spec
  for spec in "$@"; do
    case $spec in
      *"->command"*) (( depth == typed )) && state=command; (( depth < typed )) && state=arguments ;;
      *--*\\[*) (( depth == typed )) || continue
        if [[ -n $flagged ]]; then [[ $spec == *"$flagged="* ]] && print -l -- \${=\${\${spec##*\\(}%\\)}}
        else print -r -- \${\${\${spec#*)}#\\*}%%[=\\[]*}; fi ;;
    esac
  done
  line=("\${(@)given[depth,-1]}"); (( depth++ )); return 0
}
depth=1; flagged='${flagged ?? ''}'
given=(${words.filter((word) => word !== '' && !word.startsWith('-') && word !== 'pro').join(' ')})
typed=$(( \${#given} + 1 ))
${script}
_weft`
    const out = execFileSync('zsh', ['-f', '-c', run], { encoding: 'utf8' }).split('\n')
    const last = words.at(-1) ?? ''
    return out.filter((word) => word.startsWith(last))
  })
  t.end()
})

t.test('man takes each page without a word of complaint', { skip: lacks('man') }, (t) => {
  const pages: readonly CommandDescription[] = [weft, ...(weft.subcommands ?? [])]
  const directory = t.testdir(
    Object.fromEntries(pages.map((page) => [`${pageName(page)}.1`, manualPage(page, '1.2.3')])),
  )
  for (const page of pages) {
    const env = { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '100', MANROFFSEQ: '' }
    const file = join(directory, `${pageName(page)}.1`)
    const { status, stdout, stderr } = spawnSync('man', ['--warnings', '-l', file], { encoding: 'utf8', env })
    t.strictSame({ status, stderr }, { status: 0, stderr: '' }, pageName(page))
    for (const flag of Object.keys(page.flags)) t.match(stdout, `--${flag}`)
  }
  t.end()
})
