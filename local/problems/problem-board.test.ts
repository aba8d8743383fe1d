import t from 'tap'
import type { Problem } from '../../core/problem.ts'
import { ProblemBoard, type ProblemChange } from './problem-board.ts'

const PROBLEM: Problem = {
  code: 'WEFT0002',
  file: '/m/shop.yaml',
  line: 3,
  column: 1,
  kind: 'Service',
  namespace: 'shop',
  name: 'web',
  field: 'spec.ports',
  severity: 'error',
  message: 'is required',
  remedy: 'add ports',
}

t.test('what comes and what is mended is told once', async (t) => {
  const told: ProblemChange[] = []
  const board = new ProblemBoard(['manifests', 'mesh'], (change) => told.push(change))
  board.set('manifests', [PROBLEM])
  t.strictSame(told.splice(0), [{ come: [PROBLEM], gone: [] }])
  board.set('mesh', [{ ...PROBLEM, file: null, line: null }])
  t.strictSame(told, [], 'that another sees it too is nothing new')
  board.set('manifests', [{ ...PROBLEM, line: 9 }])
  t.strictSame(told, [], 'nor that it stands on another line')
  t.match(board.value, [{ line: 9 }])
  const other = { ...PROBLEM, message: 'must be a list' }
  board.set('manifests', [other])
  t.match(told.splice(0), [{ come: [other], gone: [{ message: 'is required' }] }])
  board.set('mesh', [])
  board.set('manifests', [])
  t.strictSame(told, [{ come: [], gone: [other] }])
  t.strictSame(board.value, [])
})
