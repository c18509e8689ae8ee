import { readFileSync } from 'node:fs';

/** What stands in braces in a template: `{value}`, `{epoch}`, … */
export type Facts = Readonly<Record<string, string>>;

const PLACEHOLDER = /\$\{([^{}]+)\}|\{(\w+)\}/g;

/**
 * Fills a template in one pass, so that nothing that was put in is read as a template again: `${NAME}` is an environment variable,
 * `${file:/path}` the content of a file without its last line ending, `{name}` one of `facts`; other braces stay as they are.
 * Throws an Error that names the variable or the file, and never what is in it.
 */
export function fill(template: string, facts: Facts, env: NodeJS.ProcessEnv): string {
  return template.replaceAll(PLACEHOLDER, (whole, secret: string | undefined, name: string | undefined) => {
    if (secret !== undefined) return secret.startsWith('file:') ? fromFile(secret.slice('file:'.length)) : fromEnvironment(secret, env);
    return name !== undefined && Object.hasOwn(facts, name) ? (facts[name] ?? whole) : whole;
  });
}

/** The same for every text in a JSON value. */
export function fillAll(value: unknown, facts: Facts, env: NodeJS.ProcessEnv): unknown {
  if (typeof value === 'string') return fill(value, facts, env);
  if (Array.isArray(value)) return value.map(item => fillAll(item, facts, env));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fillAll(inner, facts, env)]));
}

function fromEnvironment(name: string, env: NodeJS.ProcessEnv): string {
  const value = env[name];
  if (value === undefined) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

function fromFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch {
    throw new Error(`the file ${path} cannot be read`);
  }
}
