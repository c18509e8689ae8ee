import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/cli/config.ts';
import { PHASES } from '../../src/cutover/phase.ts';
import { METRICS } from '../../src/server/web/metrics.ts';

const runbook = readFileSync('deploy/runbook.md', 'utf8');

test.each(PHASES)('the runbook has a section that names %s', phase => {
  const headings = runbook.split('\n').filter(line => line.startsWith('#'));
  expect(headings.some(heading => new RegExp(`\\b${phase}\\b`).test(heading))).toBe(true);
});

test('every section that a message refers to is there', () => {
  for (const section of ['switching', 'lost slot', 'restored file']) expect(runbook).toMatch(new RegExp(`^#+ ${section}$`, 'm'));
});

const SERVED = new Set(['attacca_up', ...METRICS.map(({ name }) => name)]);
const metricsIn = (expression: string): string[] => expression.match(/\battacca_\w+/g) ?? [];

test('alerts are made of metrics that are served, and say what to do', () => {
  const { rules } = parse(readFileSync('deploy/alerts.yaml', 'utf8')).groups[0];
  for (const { alert, expr, annotations } of rules) {
    expect(metricsIn(expr).length, alert).toBeGreaterThan(0);
    for (const name of metricsIn(expr)) expect(SERVED, alert).toContain(name);
    expect(annotations, alert).toEqual({ summary: expect.any(String), action: expect.any(String) });
  }
});

const PROMTOOL = 'promtool';
const promtool = (...words: string[]): number | null => spawnSync(PROMTOOL, words).status;

test.skipIf(promtool('--version') !== 0)('Prometheus takes them for rules', () => {
  expect(promtool('check', 'rules', 'deploy/alerts.yaml')).toBe(0);
});

test('the dashboard for Grafana shows every metric that changes, and none that is not served', () => {
  const { panels } = JSON.parse(readFileSync('deploy/grafana.json', 'utf8')) as { panels: { targets: { expr: string }[] }[] };
  const shown = new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => metricsIn(expr))));
  const known = new Set([...SERVED].filter(name => name !== 'attacca_epoch' && name !== 'attacca_lag_changes'));
  expect(shown).toEqual(known);
});

test('the pod of the Kubernetes manifest shares one volume, and its configuration is one', () => {
  const [, config, deployment] = parseAllDocuments(readFileSync('deploy/kubernetes.yaml', 'utf8')).map(document => document.toJS());
  const { containers } = deployment.spec.template.spec;
  const attacca = containers[1];
  expect(containers.map(({ volumeMounts }: { volumeMounts: unknown[] }) => volumeMounts[0])).toEqual([
    { name: 'data', mountPath: '/data' },
    { name: 'data', mountPath: '/data' },
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'attacca-deploy-'));
  const file = join(folder, 'attacca.config.json');
  writeFileSync(file, config.data['attacca.config.json']);
  const env = Object.fromEntries(attacca.env.map(({ name }: { name: string }) => [name, 'postgresql://a-secret@db/app']));
  const { source, http } = loadConfig({}, file, env);
  expect(source).toBe('/data/app.db');
  expect(http.port).toBe(attacca.ports[0].containerPort);
  expect(attacca.args).toEqual(['sync', '--config', '/etc/attacca/attacca.config.json']);
  rmSync(folder, { recursive: true });
});

test('the service is started again however often, after a refusal too, and may write where a large batch waits', () => {
  const settings = readFileSync('deploy/attacca.service', 'utf8').split('\n');
  expect(settings).toEqual(
    expect.arrayContaining([
      'StartLimitIntervalSec=0',
      'RestartPreventExitStatus=2',
      'ProtectSystem=strict',
      'ReadWritePaths=/srv/app /tmp',
    ]),
  );
});
