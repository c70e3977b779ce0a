//! `{{range}}`: a block for each element.

use super::{Flow, Run};
use crate::go_template::ast::{Branch, Pipeline};
use crate::go_template::error::Fault;
use crate::go_template::value::Value;

impl Run<'_> {
    pub(super) fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let pipeline = &branch.pipeline;
        let value = self.pipeline(pipeline, dot)?;
        let mut elements = elements(&value, pipeline.variables.len())
            .map_err(|words| Fault::new(pipeline.at, words))?
            .peekable();
        if elements.peek().is_none() {
            return self.block(&branch.otherwise, dot);
        }
        for (key, element) in elements {
            self.charge(branch.at, 1)?;
            self.set_loop_variables(pipeline, key, &element)?;
            match self.scoped(|run| run.block(&branch.body, &element))? {
                Flow::Break => break,
                Flow::On | Flow::Continue => {}
            }
        }
        Ok(Flow::On)
    }

    /// One variable is the element; of two the first is its key.
    fn set_loop_variables(
        &mut self,
        pipeline: &Pipeline,
        key: Value,
        element: &Value,
    ) -> Result<(), Fault> {
        let values = match pipeline.variables.len() {
            0 => return Ok(()),
            1 => vec![element.clone()],
            _ => vec![key, element.clone()],
        };
        for (name, value) in pipeline.variables.iter().zip(values) {
            *self.variable(pipeline.at, name)? = value;
        }
        Ok(())
    }
}

type Elements<'v> = Box<dyn Iterator<Item = (Value, Value)> + 'v>;

/// Keys and elements, maps in the order of their keys. Nil has none.
fn elements(value: &Value, variables: usize) -> Result<Elements<'_>, String> {
    let index = |number: usize| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    match value {
        Value::Nil => Ok(Box::new(std::iter::empty())),
        Value::List(list) => {
            let items = list.items().iter().enumerate();
            Ok(Box::new(items.map(move |(number, item)| (index(number), item.clone()))))
        }
        Value::Map(map) if !map.is_record() => {
            let entries = map.entries().iter();
            Ok(Box::new(entries.map(|(key, item)| (Value::Text(key.clone()), item.clone()))))
        }
        Value::Int(_) if variables > 1 => {
            Err("range over a number has one variable at the most".to_owned())
        }
        Value::Int(end) => Ok(Box::new((0..*end).map(|number| (Value::Nil, Value::Int(number))))),
        _ => Err(format!("range cannot go over a {}", value.kind())),
    }
}
