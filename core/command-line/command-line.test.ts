import t from 'tap'
import { inSection } from './description.ts'
import type { CommandDescription } from './description.ts'
import { helpText, programName, usageProblem } from './help.ts'
import { findCommand, parseCommand } from './parse.ts'

const COPY = {
  name: 'shelf copy',
  summary: 'copy a book',
  usage: ['BOOK [COPIES] [flags]', '--all --to DIR'],
  about: `Copies. ${'A long sentence about it. '.repeat(8).trim()}\n\nMore.`,
  arguments: [{ name: 'BOOK' }, { name: 'HOW', choices: { fast: 'soon', well: 'later' }, optional: true }],
  rest: 'COMMAND',
  flags: {
    to: { short: 't', value: 'DIR', default: '.', help: 'where to' },
    ink: { value: 'COLOUR', choices: ['black', 'blue'], default: 'black', help: 'of the copy' },
    skip: { value: 'N', many: true, help: 'a page; may be given again', otherwise: 'none' },
    ...inSection('When it fails:', { 'keep-going': { short: 'k', help: 'go on' } }),
  },
  notes: ['A note.'],
  exit: '0 done',
  examples: [{ command: 'weft shelf copy a', does: 'One' }],
} as const satisfies CommandDescription

t.test('values, switches, lists, defaults and what follows --', (t) => {
  const parsed = parseCommand(COPY, ['book', '--skip', '1', '--skip=-2', '-k', '--', 'run', '--help'])
  t.match(parsed, {
    values: { to: '.', ink: 'black', skip: ['1', '-2'], 'keep-going': true },
    positionals: ['book'],
    rest: ['run', '--help'],
    given: new Set(['skip', 'keep-going']),
  })
  const bare = parseCommand(COPY, ['book', 'well', '-t', '-', '--ink', 'blue'])
  t.match(bare, { values: { to: '-', ink: 'blue', skip: undefined, 'keep-going': false }, rest: [] })
  for (const asked of [['-h'], ['--help', '--wrong'], ['--wrong', '-h', '--', 'x']])
    t.equal(parseCommand(COPY, asked), 'help', asked.join(' '))
  t.end()
})

t.test('one sentence says what is wrong, and what was meant where that is near', (t) => {
  for (const [argv, message] of [
    [['a', '--inkk', 'blue'], 'unknown flag --inkk; did you mean --ink?'],
    [['a', '--kepe-going'], 'unknown flag --kepe-going; did you mean --keep-going?'],
    [['a', '--far-from-all'], 'unknown flag --far-from-all'],
    [['a', '--constructor'], 'unknown flag --constructor'],
    [['a', '-x'], 'unknown flag -x'],
    [['a', '-kx'], 'unknown flag -x'],
    [['a', '--to'], '--to needs a value'],
    [['a', '-t'], '-t needs a value'],
    [['a', '--to', '--ink', 'blue'], '--to needs a value; one that begins with - is written --to=--ink'],
    [['a', '-t', '-k'], '-t needs a value; one that begins with - is written -t-k'],
    [['a', '--keep-going=yes'], '--keep-going takes no value'],
    [['a', '--ink', 'bleu'], '"bleu" must be black or blue; did you mean blue?'],
    [['a', 'fasst'], '"fasst" must be fast or well; did you mean fast?'],
    [['a', 'fast', 'b'], '"b" is one argument too many; COMMAND follows after --'],
    [[], 'is required'],
  ] as const)
    t.throws(() => parseCommand(COPY, argv), { code: 'cli.flags', message }, argv.join(' '))
  const known = [{ name: 'shelf copy' }, { name: 'shelf burn' }]
  t.equal(findCommand(known, 'burn'), known[1])
  t.throws(() => findCommand(known, 'cpoy'), { message: 'there is no command "cpoy"; did you mean copy?' })
  t.throws(() => findCommand(known, 'read'), { message: 'there is no command "read"; there are copy, burn' })
  t.end()
})

t.test('help has every flag with its default, in the width that there is', (t) => {
  const text = helpText(COPY, 'weft')
  for (const line of [
    'Usage: weft shelf copy BOOK [COPIES] [flags]',
    '       weft shelf copy --all --to DIR',
    '  fast  soon',
    '  -t, --to DIR  where to (.)',
    '  --ink COLOUR  of the copy (black)',
    '  --skip N      a page; may be given again (none)',
    'When it fails:',
    '  -k, --keep-going  go on',
    '  -h, --help        this text',
    '  weft shelf copy a',
    'Exit code: 0 done.',
  ])
    t.ok(text.split('\n').includes(line), line)
  for (const width of [60, 80, 120])
    t.ok(
      helpText(COPY, 'weft', width)
        .split('\n')
        .every((line) => line.length <= width),
      `${width} columns`,
    )
  t.end()
})

t.test('a plugin of kubectl is told how it is called', (t) => {
  t.equal(programName('/home/me/bin/kubectl-weft'), 'kubectl weft')
  t.equal(programName('/weft/cli/weft.ts'), 'weft')
  t.match(helpText(COPY, 'kubectl weft'), /^Usage: kubectl weft shelf copy BOOK/)
  t.match(helpText(COPY, 'kubectl weft'), /\n {2}kubectl weft shelf copy a\n/)
  const told = usageProblem(COPY, new Error('no'), 'kubectl weft')
  t.equal(told, 'kubectl weft shelf copy: no (kubectl weft shelf copy --help lists the flags)\n')
  t.equal(usageProblem(COPY, new Error('x; y?'), 'weft'), 'weft shelf copy: x; y?\n')
  t.end()
})
