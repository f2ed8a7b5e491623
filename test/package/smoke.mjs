// The package as an ES module.
import * as jvdb from 'jvdb';
import steps from './steps.cjs';

steps(jvdb);
