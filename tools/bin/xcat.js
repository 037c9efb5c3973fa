#!/usr/bin/env node
import { main } from '../dist/xcat/main.js';

await main(process.argv);
