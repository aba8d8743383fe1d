import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { BOOTSTRAP_PAGE } from './served-page.ts'
import { BOOTSTRAP_SCHEMA, bootstrapSchema } from './editor-schema.ts'
import { parseSource } from './document.ts'
import { Problems } from './problems.ts'
import { readMessage } from './read-message.ts'
import { Bootstrap } from '../../core/xds/generated/envoy.js'

const text = readFileSync(BOOTSTRAP_SCHEMA, 'utf8')
const takes = new Ajv({ strict: false }).compile(JSON.parse(text))
const examples = [...readFileSync(BOOTSTRAP_PAGE, 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)]
  .map(([, one = '']) => one)
  .filter((one) => /^(static|dynamic)_resources:/m.test(one))

/** What may stand in a value's place. */
const OTHERS: readonly unknown[] = [[['nested']], { unknown_field: 'none' }, 'word', 1.5, -1, true]

/** What the proxy says of the fields, each by itself. */
function problems(source: string): string[] {
  const found = new Problems('file')
  const tree = parseSource(source, found)
  if (tree) readMessage(tree, Bootstrap, found)
  return found.format()
}

t.test('the schema is that of what is served', (t) => {
  t.equal(text, bootstrapSchema(), 'node proxy/bootstrap/editor-schema.ts writes it')
  t.end()
})

t.test('it takes the examples of the page, with either names of fields', (t) => {
  t.ok(examples.length > 4)
  for (const example of examples) {
    t.ok(takes(parse(example)), `${example.split('\n')[0]}: ${JSON.stringify(takes.errors)}`)
    const lowerCamel = example.replaceAll(/\b[a-z]+(?:_[a-z\d]+)+(?=:)/g, (name) =>
      name.replaceAll(/_([a-z\d])/g, (_, letter: string) => letter.toUpperCase()),
    )
    t.same(problems(lowerCamel), [], 'as the proxy takes them')
    t.ok(takes(parse(lowerCamel)), JSON.stringify(takes.errors))
  }
  t.end()
})

t.test('wherever something of theirs is wrong or left out, it refuses what the proxy refuses', (t) => {
  let count = 0
  const tried = new Set<string>()
  for (const example of examples)
    for (const [what, mutant] of mutants(parse(example), tried)) {
      count++
      const source = JSON.stringify(mutant)
      // The one rule of several fields that the schema has.
      const empty = !/"(static|dynamic)_resources"/.test(source)
      const refused = empty || problems(source).length > 0
      if (refused === takes(mutant)) t.fail(what, { refused, source, errors: takes.errors })
    }
  t.ok(count > 1000, `${count} mutants`)
  t.end()
})

t.test('what the file needs and has not is said', (t) => {
  t.notOk(takes({}))
  t.notOk(takes({ admin: { address: { socket_address: { address: '::1', port_value: 1 } } } }))
  t.notOk(takes({ static_resources: {}, admin: {} }))
  t.notOk(takes({ static_resources: {}, admin: { address: { socket_address: { address: '::1' } } } }))
  t.end()
})

/** The tree with one thing wrong each: a key misspelt or left out; a value of another kind where a name is met first. */
function* mutants(tree: unknown, tried: Set<string>): Generator<readonly [what: string, mutant: unknown]> {
  if (Array.isArray(tree)) {
    for (const [at, item] of tree.entries())
      for (const [what, mutant] of mutants(item, tried)) yield [`[${at}]${what}`, tree.with(at, mutant)]
  } else if (typeof tree === 'object' && tree !== null) {
    for (const [key, value] of Object.entries(tree)) {
      const { [key]: _, ...rest } = tree as Record<string, unknown>
      yield [`.${key} left out`, rest]
      yield [`.${key} misspelt`, { ...rest, [`${key}x`]: value }]
      if (!tried.has(key))
        for (const other of OTHERS) yield [`.${key}: ${JSON.stringify(other)}`, { ...tree, [key]: other }]
      for (const [what, mutant] of mutants(value, tried.add(key)))
        yield [`.${key}${what}`, { ...tree, [key]: mutant }]
    }
  }
}
