import t from 'tap'
import { WeftError } from './errors.ts'
import { parseLabelSelector } from './label-selector.ts'

const PODS = {
  web: { app: 'web', tier: 'front' },
  api: { app: 'api' },
  bare: {},
} as const

/** The names of those that a selector selects. */
function selected(selector: object): string {
  const parsed = parseLabelSelector(selector, 'spec.podSelector')
  return Object.entries(PODS)
    .flatMap(([name, labels]) => (parsed.matches(labels) ? [name] : []))
    .join(' ')
}

/** Of which field a selector is refused. */
function fieldOf(selector: unknown): string | undefined {
  try {
    parseLabelSelector(selector, 'spec.podSelector')
    return undefined
  } catch (error) {
    return error instanceof WeftError ? error.field : String(error)
  }
}

const expression = (key: string, operator: string, values?: string[]): object => ({
  matchExpressions: [{ key, operator, ...(values ? { values } : {}) }],
})

t.test('what each selects', async (t) => {
  t.equal(selected({}), 'web api bare', 'nothing asked for: all')
  t.equal(selected({ matchLabels: { app: 'web' } }), 'web')
  t.equal(selected({ matchLabels: { app: 'web', tier: 'back' } }), '')
  t.equal(selected(expression('app', 'In', ['web', 'api'])), 'web api')
  t.equal(selected(expression('app', 'NotIn', ['web'])), 'api bare', 'what has no such label, too')
  t.equal(selected(expression('tier', 'Exists')), 'web')
  t.equal(selected(expression('tier', 'DoesNotExist')), 'api bare')
  t.equal(selected({ matchLabels: { app: 'api' }, ...expression('tier', 'Exists') }), '', 'all must hold')
  t.equal(selected(expression('toString', 'Exists')), '', 'what every object of JavaScript has is no label')
})

t.test('what is wrong is told by its field', async (t) => {
  for (const [selector, field] of [
    [{ app: 'web' }, 'spec.podSelector.app'],
    [{ matchLabels: { app: 1 } }, 'spec.podSelector.matchLabels.app'],
    [{ matchLabels: [] }, 'spec.podSelector.matchLabels'],
    [{ matchExpressions: {} }, 'spec.podSelector.matchExpressions'],
    [{ matchExpressions: [{ operator: 'Exists' }] }, 'spec.podSelector.matchExpressions[0].key'],
    [expression('app', 'Equals', ['a']), 'spec.podSelector.matchExpressions[0].operator'],
    [expression('app', 'In'), 'spec.podSelector.matchExpressions[0].values'],
    [expression('app', 'Exists', ['a']), 'spec.podSelector.matchExpressions[0].values'],
  ] as const)
    t.equal(fieldOf(selector), field)
  t.equal(fieldOf(null), 'spec.podSelector')
})
